// The page's Chinese, from text.zh-CN.json.

const FILES = ["text.zh-CN.json", "text.stats.zh-CN.json"];
let all = {};

export async function loadTexts() {
  const parts = await Promise.all(FILES.map(async (file) => (await fetch(`/static/${file}`)).json()));
  all = Object.assign({}, ...parts);
}

export function t(key, values = {}) {
  const text = all[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// The same in pieces, for values that are elements.
export function pieces(key, values) {
  return (all[key] ?? key).split(/\{(\w+)\}/).map((each, at) => (at % 2 ? values[each] ?? "" : each));
}

// All of them, to look through.
export function texts() {
  return all;
}

// The name of a code, or the code itself when it has none.
export function name(kind, code) {
  return all[`${kind}.${code}`] ?? code;
}

export function errorText(error) {
  return all[`error.${error.code}`] ?? t("error.other", { code: error.code ?? "?" });
}
