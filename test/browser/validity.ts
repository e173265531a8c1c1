// Whether a page that the server gives out is HTML by the letter.
import { HtmlValidate } from 'html-validate'

const validator = new HtmlValidate({
  root: true,
  extends: ['html-validate:recommended'],
  rules: { 'doctype-style': ['error', { style: 'lowercase' }] },
})

/** Returns one line a fault: where, which rule, what is wrong. */
export async function listFaults(html: string): Promise<string[]> {
  const { results } = await validator.validateString(html)
  return results.flatMap(({ messages }) => messages.map((each) => `${each.line} ${each.ruleId}: ${each.message}`))
}
