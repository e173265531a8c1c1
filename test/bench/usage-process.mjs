// Loaded before a program that is measured: at its end it writes what the process used.
import { writeFileSync } from 'node:fs'

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const used = { cpuMs: (userCPUTime + systemCPUTime) / 1_000, peakMb: maxRSS / 1_024 }
  writeFileSync(process.env.USAGE_FILE, JSON.stringify(used))
})
