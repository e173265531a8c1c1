// A mail server to test with: real SMTP on loopback, told where to die and what to refuse. What it
// took, it keeps: that is the truth that a ledger is held against.
import type { AddressInfo, Socket } from 'node:net'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'

/**
 * Where a session is: its connection, the first command, the login, sender, recipient, a part of
 * the body, after the final dot.
 */
export type Phase = 'connect' | 'ehlo' | 'auth' | 'mail' | 'rcpt' | 'body' | 'dot'

export interface Fault {
  at: Phase
  /**
   * Cuts the connection, never answers, or refuses with a code and words. `taken, die`: takes the
   * mail, then cuts.
   */
  does: 'die' | 'taken, die' | 'hang' | [code: number, words: string]
  /** Only for this recipient; of a session that is not so far, anyone. */
  to?: string
}

export interface TakenMail {
  from: string
  to: string
  message: Buffer
}

export interface SmtpStandIn {
  port: number
  /** What was accepted, in order; also what was accepted and never answered. */
  taken: TakenMail[]
  /** Each is met once. */
  faults: Fault[]
  connections: number
  /** Ends all connections, as a server does with those that idle. */
  cut(): void
  close(): Promise<void>
}

/** Opens the stand-in. With `login`, nothing is taken without it. */
export async function openSmtpStandIn(
  options: {
    login?: { user: string; password: string }
    pipelining?: boolean
    /** TLS from the first byte, with a certificate that nobody knows. */
    secure?: boolean
    /** Refuses connections beyond so many at a time. */
    most?: number
    answersAfterMs?: () => number
  } = {},
): Promise<SmtpStandIn> {
  const sockets = new Map<string, Socket>()
  let open = 0
  const standIn: SmtpStandIn = {
    port: 0,
    taken: [],
    faults: [],
    connections: 0,
    cut() {
      for (const connection of connectionsOf(server)) connection._socket.destroy()
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }

  /**
   * Returns an error to refuse with, `hang` when the session is dead or must stay silent, undefined
   * when all is well.
   */
  function meet(at: Phase, session: SMTPServerSession, to?: string): Error | 'hang' | undefined {
    const index = standIn.faults.findIndex((fault) => fault.at === at && (fault.to === undefined || fault.to === to))
    if (index < 0) return undefined
    const [fault] = standIn.faults.splice(index, 1)
    if (!fault) return undefined
    if (Array.isArray(fault.does)) return Object.assign(new Error(fault.does[1]), { responseCode: fault.does[0] })
    if (fault.does !== 'hang') sockets.get(session.id)?.destroy()
    return 'hang'
  }
  const answer = (met: Error | 'hang' | undefined, callback: (error?: Error | null) => void) => {
    if (met !== 'hang') callback(met)
  }

  const server = new SMTPServer({
    authOptional: options.login === undefined,
    secure: options.secure === true,
    allowInsecureAuth: true,
    disabledCommands: options.login ? ['STARTTLS'] : ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    hidePIPELINING: options.pipelining === false,
    closeTimeout: 100,
    onConnect(session, callback) {
      standIn.connections++
      for (const connection of connectionsOf(server)) {
        if (connection.id !== session.id) continue
        sockets.set(session.id, connection._socket)
      }
      if (open >= (options.most ?? Number.POSITIVE_INFINITY)) {
        const words = '4.7.0 mx.example.org Error: too many connections from 127.0.0.1'
        return callback(Object.assign(new Error(words), { responseCode: 421 }))
      }
      open += 1
      sockets.get(session.id)?.once('close', () => {
        open -= 1
      })
      const met = meet('connect', session)
      if (met === undefined && standIn.faults.some((fault) => fault.at === 'ehlo')) {
        sockets.get(session.id)?.prependOnceListener('data', () => meet('ehlo', session))
      }
      answer(met, callback)
    },
    onAuth(auth, session, callback) {
      const met = meet('auth', session)
      if (met === 'hang') return
      if (met) return callback(met)
      const { user, password } = options.login ?? {}
      if (auth.username !== user || auth.password !== password) return callback(new Error('no such login'))
      callback(null, { user: auth.username })
    },
    onMailFrom: (_address, session, callback) => answer(meet('mail', session), callback),
    onRcptTo: ({ address }, session, callback) => answer(meet('rcpt', session, address), callback),
    onData(stream, session, callback) {
      const to = session.envelope.rcptTo[0]?.address ?? ''
      const from = session.envelope.mailFrom ? session.envelope.mailFrom.address : ''
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => {
        if (chunks.length === 0) meet('body', session, to)
        chunks.push(chunk)
      })
      stream.on('end', () => {
        const take = () => standIn.taken.push({ from, to, message: Buffer.concat(chunks) })
        const fault = standIn.faults.find((each) => each.at === 'dot' && (each.to === undefined || each.to === to))
        if (!fault || fault.does === 'taken, die') take()
        setTimeout(() => answer(meet('dot', session, to), callback), options.answersAfterMs?.() ?? 0)
      })
    },
  })
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  standIn.port = (server.server.address() as AddressInfo).port
  return standIn
}

function connectionsOf(server: SMTPServer): Iterable<{ id: string; _socket: Socket }> {
  return (server as unknown as { connections: Set<{ id: string; _socket: Socket }> }).connections
}
