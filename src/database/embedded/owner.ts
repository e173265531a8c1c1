// Decides which process owns the embedded database, so that there are never two on one folder: two
// would silently lose each other's writes. The process that opens the files takes the lock itself,
// and the lock dies with it.
//
// How: every contender listens on a Unix socket of its own in the lock folder, then makes the
// symbolic link `N+1` to it, where `N` is the newest link whose socket refuses connections. Making
// a link fails if it exists, so one contender wins; a listening socket needs no heartbeat, because
// the system closes it at whatever death. Sockets in a folder also hold between containers that
// share it, which a port does not. It holds on one machine, not on a network drive.
//
// A socket's path may have 103 bytes, so all names are relative: the working directory must be the
// lock folder.
import { randomBytes } from 'node:crypto'
import { readdir, readlink, rm, symlink, unlink } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Claim =
  /**
   * This process owns the folder until it ends. `announce` tells everyone who asks from now on;
   * undefined makes them wait.
   */
  | { owned: true; announce(address: string | undefined): void }
  /** Another process owns it and says that it can be reached at `address`. */
  | { owned: false; address: string }

/**
 * Waits until this process owns the working directory or hears the address of the process that
 * does. `onWait` hears whenever a living owner was reached, who may take long to answer.
 */
export async function claimOwnership(onWait: () => void = () => {}): Promise<Claim> {
  const name = `${randomBytes(6).toString('hex')}.sock`
  const door = await openDoor(name)
  for (;;) {
    const newest = Math.max(0, ...(await listGenerations()))
    const heard = newest === 0 ? 'dead' : await ask(String(newest), onWait)
    if (typeof heard === 'object') {
      door.close()
      return { owned: false, address: heard.address }
    }
    if (heard === 'ended') continue
    if (await take(newest + 1, name)) return { owned: true, announce: door.announce }
  }
}

/** Returns false when another contender was faster. */
async function take(generation: number, name: string): Promise<boolean> {
  try {
    await symlink(name, String(generation))
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
  const others = (await listGenerations()).filter((other) => other !== generation)
  // Who slept between asking and linking may find that its number was used, and cleared away,
  // meanwhile.
  if (others.some((other) => other > generation)) {
    await unlink(String(generation))
    return false
  }
  // Only sockets that dead owners left: one that is not linked may belong to a contender who is
  // about to link it.
  for (const other of others) {
    await rm(await readlink(String(other)), { force: true })
    await rm(String(other), { force: true })
  }
  return true
}

async function listGenerations(): Promise<number[]> {
  return (await readdir('.')).filter((entry) => /^\d+$/.test(entry)).map(Number)
}

/**
 * `dead`: nobody listens any more. `ended`: somebody did and hung up without an address, so it must
 * be asked again.
 */
type Heard = 'dead' | 'ended' | { address: string }

function ask(path: string, onWait: () => void): Promise<Heard> {
  return new Promise((resolve, reject) => {
    let said = ''
    // As an option: on its own, a name made of digits would be taken for a port.
    const socket = connect({ path })
    socket.setEncoding('utf8')
    socket.on('connect', onWait)
    socket.on('data', (text) => {
      said += text
    })
    socket.on('close', () => resolve(said.endsWith('\n') ? { address: said.trim() } : 'ended'))
    socket.on('error', (error) => {
      const code = codeOf(error)
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve('dead')
      // A full queue of callers (EAGAIN) or an owner that died under the question: ask again, but
      // do not spin.
      else if (code === 'EAGAIN' || code === 'ECONNRESET' || code === 'EPIPE') resolve(sleep(RETRY_MS, 'ended'))
      else reject(error)
    })
  })
}

/** Listens on `name` and holds every caller until there is an address to tell. */
async function openDoor(name: string) {
  const callers = new Set<Socket>()
  let address: string | undefined
  const tell = (caller: Socket) => {
    if (address !== undefined) caller.end(`${address}\n`)
  }
  const server = createServer((caller) => {
    callers.add(caller)
    caller.on('close', () => callers.delete(caller))
    caller.on('error', () => {})
    tell(caller)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(name, resolve)
  })
  return {
    announce(next: string | undefined) {
      address = next
      for (const caller of callers) tell(caller)
    },
    close() {
      server.close()
      for (const caller of callers) caller.destroy()
    },
  }
}

/** Short against a start, long against a connection. */
const RETRY_MS = 20

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
