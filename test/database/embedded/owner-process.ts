// A contender for the folder of its first argument: tells its parent what came of it, and stays if
// it owns the folder. As its second argument, `slow` means that it never gets ready.
import { chdir } from 'node:process'
import { claimOwnership } from '../../../src/database/embedded/owner.ts'

chdir(process.argv[2] as string)
process.on('disconnect', () => process.exit())
const claim = await claimOwnership()
process.send?.(claim.owned ? { owned: true } : claim)
if (!claim.owned) process.disconnect()
// Others must wait for the address for as long as its owner is not ready.
else if (process.argv[3] !== 'slow') setTimeout(() => claim.announce(`process ${process.pid}`), 100)
