// The program's clock in a database of a test's own: the time that every statement there asks for.
import { asOwner } from './program-user.ts'
import { query } from './servers.ts'

/** Stops the clock of a database at a moment (anything that PostgreSQL reads as one). */
export function stopClock(url: string, at: string): Promise<void> {
  return replaceClock(url, `timestamptz '${at}'`, `timestamptz '${at}'`)
}

/** Moves the clock of a database by an interval, and lets it run from there. */
export function moveClock(url: string, by: string): Promise<void> {
  return replaceClock(url, `now() + interval '${by}'`, `clock_timestamp() + interval '${by}'`)
}

/** Has the clock of a database count in milliseconds, as the embedded one's does. */
export function countMilliseconds(url: string): Promise<void> {
  return replaceClock(url, `date_trunc('milliseconds', now())`, `date_trunc('milliseconds', clock_timestamp())`)
}

/**
 * Hands the clock of a database to the one row of `test_clock`: setting it is a write like any
 * other.
 */
export async function keepClock(url: string, at: string): Promise<void> {
  await query(asOwner(url), `create table test_clock as select timestamptz '${at}' as at`)
  await replaceClock(url, '(select at from public.test_clock)', '(select at from public.test_clock)')
}

/** Sets a clock that is kept. */
export function setKeptClock(url: string, at: string): Promise<void> {
  return query(asOwner(url), `update test_clock set at = timestamptz '${at}'`)
}

function replaceClock(url: string, now: string, clock: string): Promise<void> {
  return query(
    asOwner(url),
    `create or replace function round_now() returns timestamptz language sql stable parallel safe as $$ select ${now} $$;
     create or replace function round_clock() returns timestamptz language sql volatile parallel safe as $$ select ${clock} $$`,
  )
}
