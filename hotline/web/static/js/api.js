// Asks the server; every failure becomes an ApiError with the server's stable code.

export class ApiError extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

let csrf = "";
let signedOut = () => {};

export function useSession(token, onSignedOut) {
  csrf = token;
  signedOut = onSignedOut;
}

export async function ask(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError(0, "network");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw await failure(answer);
}

async function failure(answer) {
  let code = `http_${answer.status}`;
  try {
    code = (await answer.json()).code ?? code;
  } catch {
    // an answer without a body, e.g. from a proxy
  }
  if (answer.status === 401 && code === "auth.required") signedOut();
  return new ApiError(answer.status, code);
}

export const get = (path, query = {}) => {
  const words = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const tail = new URLSearchParams(words).toString();
  return ask("GET", tail ? `${path}?${tail}` : path);
};

export async function download(path, query) {
  let answer;
  try {
    answer = await fetch(`${path}?${new URLSearchParams(query)}`);
  } catch {
    throw new ApiError(0, "network");
  }
  if (!answer.ok) throw await failure(answer);
  const named = /filename="?([^";]+)"?/.exec(answer.headers.get("Content-Disposition") ?? "");
  return { blob: await answer.blob(), name: named?.[1] ?? "export" };
}
