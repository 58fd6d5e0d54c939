// The page's Chinese, from text.zh-CN.json.

let texts = {};

export async function loadTexts() {
  const answer = await fetch("/static/text.zh-CN.json");
  texts = await answer.json();
}

export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// The name of a code, or the code itself when it has none.
export function name(kind, code) {
  return texts[`${kind}.${code}`] ?? code;
}

export function errorText(error) {
  return texts[`error.${error.code}`] ?? t("error.other", { code: error.code ?? "?" });
}
