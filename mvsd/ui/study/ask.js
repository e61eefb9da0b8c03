// Requests of the pages, and what a browser remembers between them.

class Failure extends Error {
  constructor(message, kind) {
    super(message);
    this.kind = kind;
  }
}

export async function ask(address, body, token = "") {
  let response;
  try {
    response = await fetch(address, body === undefined ? { cache: "no-store" } : {
      method: "POST", headers: { "content-type": "application/json", "x-session": token }, body: JSON.stringify(body),
    });
  } catch {
    throw new Failure("Not saved: there is no connection. Check it and try again; nothing is lost.", "offline");
  }
  const said = await response.json().catch(() => ({}));
  if (!response.ok) throw new Failure(said.error || "The server could not answer. Try again in a moment.", said.kind || "silent");
  return said;
}

// Private windows may have no memory but that of the page; the link works without it. set: whether it will last.
const brief = new Map();
export const memory = {
  get: (key) => { try { return localStorage.getItem(key); } catch { return brief.get(key) ?? null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); return true; } catch { brief.set(key, value); return false; } },
  forget: (key) => { try { localStorage.removeItem(key); } catch { brief.delete(key); } },
};
