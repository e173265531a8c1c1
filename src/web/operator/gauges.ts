// Gauges of ours, made anew for each answer: what is gone has no series left.
import { Gauge, Registry } from 'prom-client'

export type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge

/** Returns what makes gauges of ours, and the registry that they are in. */
export function openGauges(): { gauge: MakeGauge; registry: Registry } {
  const registry = new Registry()
  const gauge: MakeGauge = (name, help, labelNames = []) =>
    new Gauge({ name: `paper_round_${name}`, help, labelNames, registers: [registry] })
  return { gauge, registry }
}
