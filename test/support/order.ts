// The order in which a run takes its files: kills first, which mostly wait, then the longest ones,
// so that no long one is left for the end. The files of a project stay together: they load the same
// modules.
import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { budgetOf } from './seconds.ts'

const PROJECTS = ['crash', 'browser', 'stores', 'web', 'unit', 'statements']

export default class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const budget = ({ moduleId }: TestSpecification) => budgetOf(relative(this.ctx.config.root, moduleId))
    const place = ({ project }: TestSpecification) => PROJECTS.indexOf(project.name)
    const group = ({ project }: TestSpecification) => project.config.sequence.groupOrder
    return [...files].sort(
      (one, other) =>
        group(one) - group(other) ||
        place(one) - place(other) ||
        budget(other) - budget(one) ||
        (one.moduleId < other.moduleId ? -1 : 1),
    )
  }
}
