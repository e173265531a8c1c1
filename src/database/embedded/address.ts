// What the owner of an embedded database and those who look for it must agree on.

/**
 * In DATA_DIR: who owns it and where it listens. Its sockets mean nothing elsewhere, so a copy of
 * DATA_DIR may leave it out.
 */
export const OWNER_FOLDER = 'owner'

/**
 * In the owner folder; `{url, pid}`. It stays behind when the owner ends: the next one takes the
 * same port and password.
 */
export const ADDRESS_FILE = 'address.json'

export type ServerMessage =
  /** Another process owns the folder; from now on it is that one's answer that takes time. */
  | { kind: 'waiting' }
  /** The folder is its own; from now on it is opening the files that takes time. */
  | { kind: 'opening' }
  | { kind: 'ready'; url: string }
  | { kind: 'elsewhere'; url: string }
  | { kind: 'failed'; reason: string }
