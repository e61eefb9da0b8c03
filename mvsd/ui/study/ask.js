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
const lasting = (work) => { try { return work(localStorage); } catch { return null; } };
export const memory = {
  get: (key) => brief.get(key) ?? lasting((store) => store.getItem(key)),
  set: (key, value) => {
    memory.forget(key);
    const lasts = Boolean(lasting((store) => { store.setItem(key, value); return true; }));
    if (!lasts) brief.set(key, value);
    return lasts;
  },
  forget: (key) => {
    brief.delete(key);
    lasting((store) => store.removeItem(key));
  },
};
