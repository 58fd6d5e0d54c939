// Asks the server; every failure becomes an ApiError with the server's stable code.

export class ApiError extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

// A request counts as done by somebody when a key or the mouse was used not long before it: what the page asks
// for by itself does not keep a session from growing idle.
const ACTIVE_MS = 60000;
let lastInput = Date.now();
for (const kind of ["keydown", "pointerdown", "pointermove"]) addEventListener(kind, () => { lastInput = Date.now(); }, { passive: true });

// A wallboard hangs there to be looked at: nobody touches it. It should be signed in as somebody who sees figures only.
const watched = () => location.hash.startsWith("#/wall");
const background = () => (Date.now() - lastInput > ACTIVE_MS && !watched() ? { "X-Background": "1" } : {});

let csrf = "";
let session = 0; // which one a question was asked in: a refusal of the last one says nothing of this one
let signedOut = () => {};

export function useSession(token, onSignedOut) {
  csrf = token;
  session += 1;
  signedOut = onSignedOut;
}

export async function ask(method, path, body) {
  const headers = background();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  const begun = session;
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError(0, "network");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw await failure(answer, begun);
}

// Sends a file as it is.
export async function upload(path, file) {
  const begun = session;
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/octet-stream", "X-CSRF-Token": csrf }, body: file });
  } catch {
    throw new ApiError(0, "network");
  }
  if (!answer.ok) throw await failure(answer, begun);
  return answer.json();
}

async function failure(answer, begun) {
  let code = `http_${answer.status}`;
  try {
    code = (await answer.json()).code ?? code;
  } catch {
    // an answer without a body, e.g. from a proxy
  }
  if (answer.status === 401 && code === "auth.required" && begun === session) signedOut();
  return new ApiError(answer.status, code);
}

export const get = (path, query = {}) => {
  const words = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const tail = new URLSearchParams(words).toString();
  return ask("GET", tail ? `${path}?${tail}` : path);
};

export async function download(path, query) {
  const begun = session;
  let answer;
  try {
    answer = await fetch(`${path}?${new URLSearchParams(query)}`, { headers: background() });
  } catch {
    throw new ApiError(0, "network");
  }
  if (!answer.ok) throw await failure(answer, begun);
  const named = /filename="?([^";]+)"?/.exec(answer.headers.get("Content-Disposition") ?? "");
  return { blob: await answer.blob(), name: named?.[1] ?? "export" };
}
