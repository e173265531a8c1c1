// A real mail server and a real mailbox on loopback: Debian's postfix, which takes mails, hands
// them to a second port of its own that refuses some, and returns what was refused; and dovecot,
// whose mailbox the returns end in. Both in a folder of their own, ended by their ids.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { makeCertificate } from './certificate.ts'
import { answers, findPort, makeFolder } from './servers.ts'

export interface MailServers {
  /** Takes mails to anybody. */
  smtpPort: number
  /** The mailbox of everything to the bounce domain: user, password, host and port. */
  imaps: { host: string; port: number; login: { user: string; password: string } }
  /** Lines of postfix' log since the start. */
  readLog(): Promise<string[]>
  /** Ends the mailbox alone, as a restart of its server does, or brings it back. */
  stopMailbox(): Promise<void>
  startMailbox(): Promise<void>
  close(): Promise<void>
}

export interface MailServerOptions {
  /** Whose mailbox takes what comes back. */
  bounceDomain: string
  /** What the readers' server answers to each address; all others it takes. */
  refusals: Record<string, string>
}

const run = promisify(execFile)
/** On a busy machine, a start takes a while. */
const START_MS = 30_000
const POSTFIX = '/usr/lib/postfix/sbin'
const LOGIN = { user: 'bounces', password: 'mail+box' }

/** Says why the two cannot run here; undefined where they can. */
export async function whyNoMailServers(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'postfix has to be started by root'
  for (const program of [`${POSTFIX}/master`, '/usr/sbin/dovecot', '/usr/lib/dovecot/imap']) {
    if (!(await answers(() => readFile(program)))) return `${program} is not installed`
  }
  return undefined
}

/** Starts both. */
export async function openMailServers(options: MailServerOptions): Promise<MailServers> {
  const folder = await makeFolder('mail')
  // Each server has users of its own, who must get in.
  await chmod(folder, 0o755)
  const [smtpPort, readersPort, imapPort] = [await findPort(), await findPort(), await findPort()]
  const { uid, gid } = await findUser('nobody')
  await mkdir(join(folder, 'mail'))
  await chown(join(folder, 'mail'), uid, gid)
  const log = join(folder, 'postfix.log')
  const servers: ChildProcess[] = []
  // Whoever is stopped by a time-out must not leave them behind.
  const onExit = () => {
    for (const server of servers) server.kill('SIGKILL')
  }
  process.once('exit', onExit)
  const close = async () => {
    for (const server of servers) await end(server)
    process.removeListener('exit', onExit)
    await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
  const openMailbox = () => {
    servers.push(spawn('/usr/sbin/dovecot', ['-F', '-c', join(folder, 'dovecot.conf')], { stdio: 'ignore' }))
  }
  try {
    await writePostfix(folder, { ...options, log, smtpPort, readersPort, uid, gid })
    await writeDovecot(folder, { imapPort, uid, gid })
    // It makes the folders of the queue. What starts the server by a script could not be ended by
    // id.
    await run('/usr/sbin/postfix', ['-c', join(folder, 'postfix'), 'check'])
    servers.push(spawn(`${POSTFIX}/master`, ['-c', join(folder, 'postfix'), '-d'], { stdio: 'ignore' }))
    openMailbox()
    for (const port of [smtpPort, readersPort, imapPort]) await untilOpen(port, servers)
  } catch (error) {
    const said = await readFile(log, 'utf8').catch(() => '')
    const alsoSaid = await readFile(join(folder, 'dovecot.log'), 'utf8').catch(() => '')
    await close()
    throw new Error(`the mail servers did not start: ${said}${alsoSaid}`, { cause: error })
  }
  return {
    smtpPort,
    imaps: { host: '127.0.0.1', port: imapPort, login: LOGIN },
    stopMailbox: () => end(servers.pop() as ChildProcess),
    async startMailbox() {
      openMailbox()
      await untilOpen(imapPort, servers)
    },
    readLog: async () => (await readFile(log, 'utf8')).trimEnd().split('\n'),
    close,
  }
}

async function writePostfix(
  folder: string,
  given: MailServerOptions & { log: string; smtpPort: number; readersPort: number; uid: number; gid: number },
): Promise<void> {
  const home = join(folder, 'postfix')
  const [queue, data] = [join(folder, 'queue'), join(folder, 'data')]
  await Promise.all([home, queue, data].map((path) => mkdir(path)))
  const postfix = await findUser('postfix')
  await chown(data, postfix.uid, postfix.gid)
  const settings = {
    compatibility_level: '3.6',
    queue_directory: queue,
    data_directory: data,
    maillog_file: given.log,
    maillog_file_prefixes: folder,
    myhostname: 'relay.example',
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    smtp_dns_support_level: 'disabled',
    smtputf8_enable: 'no',
    local_recipient_maps: '',
    alias_maps: '',
    alias_database: '',
    // Everybody else's mail goes to the readers' server.
    default_transport: `smtp:[127.0.0.1]:${given.readersPort}`,
    relay_transport: `smtp:[127.0.0.1]:${given.readersPort}`,
    recipient_delimiter: '+',
    virtual_mailbox_domains: given.bounceDomain,
    virtual_mailbox_base: join(folder, 'mail'),
    virtual_mailbox_maps: 'static:bounces/',
    virtual_uid_maps: `static:${given.uid}`,
    virtual_gid_maps: `static:${given.gid}`,
    virtual_minimum_uid: '1',
  }
  const text = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
  await writeFile(join(home, 'main.cf'), text.join(''))
  const refusals = Object.entries(given.refusals).map(([address, answer]) => `{ ${address} = ${answer} }`)
  const readers = [
    `127.0.0.1:${given.readersPort} inet n - n - - smtpd`,
    '  -o syslog_name=readers',
    `  -o { smtpd_recipient_restrictions = check_recipient_access inline:{ ${refusals.join(', ')} }, permit }`,
    // What it takes is read by nobody.
    '  -o content_filter=discard:',
  ]
  const services = [
    `127.0.0.1:${given.smtpPort} inet n - n - - smtpd`,
    ...readers,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'smtp unix - - n - - smtp',
    'virtual unix - n n - - virtual',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'proxymap unix - - n - - proxymap',
    'showq unix n - n - - showq',
    'flush unix n - n 1000? 0 flush',
    'postlog unix-dgram n - n - 1 postlogd',
  ]
  await writeFile(join(home, 'master.cf'), services.map((line) => `${line}\n`).join(''))
}

async function writeDovecot(folder: string, { imapPort, uid, gid }: Record<string, number>): Promise<void> {
  const { key, certificate } = await makeCertificate(folder)
  await writeFile(
    join(folder, 'dovecot.conf'),
    `
protocols = imap
listen = 127.0.0.1
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
ssl = required
ssl_cert = <${certificate}
ssl_key = <${key}
mail_location = maildir:${folder}/mail/bounces
mail_uid = ${uid}
mail_gid = ${gid}
first_valid_uid = 1
passdb {
  driver = static
  args = password=${LOGIN.password}
}
userdb {
  driver = static
  args = uid=${uid} gid=${gid} home=${folder}/mail
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = ${imapPort}
    ssl = yes
  }
}
`,
  )
}

async function untilOpen(port: number, servers: readonly ChildProcess[]): Promise<void> {
  const giveUpAt = Date.now() + START_MS
  while (!(await answers(() => reach(port)))) {
    if (Date.now() > giveUpAt) throw new Error(`nobody listens on port ${port}`)
    if (servers.some(({ exitCode }) => exitCode !== null)) throw new Error('a server has ended')
    await sleep(50)
  }
}

async function reach(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, 'exit')
  server.kill('SIGTERM')
  await ended
}

async function findUser(name: string): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, name])))
  return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) }
}
