// Solves the page's challenge and sends its form on. Where that cannot be, the page stays what it is without script: a wait and
// a button.
const form = document.querySelector('form[data-challenge]')
const status = form?.querySelector('[data-status]')
const told = status?.textContent

async function solve() {
  const library = `${form.dataset.base}/altcha`
  const [{ solveChallenge }, { deriveKey }] = await Promise.all([
    import(`${library}/pow.js`),
    import(`${library}/algorithms/web/pbkdf2.js`),
  ])
  const challenge = JSON.parse(form.dataset.challenge)
  const { counter, derivedKey } = await solveChallenge({ challenge, deriveKey, counterStart: 0, counterStep: 1, timeout: 60_000 })
  form.elements.solution.value = JSON.stringify({ challenge, solution: { counter, derivedKey } })
  form.requestSubmit()
}

// crypto.subtle is there on https and on this machine alone.
if (form && globalThis.crypto?.subtle) {
  form.classList.add('solving')
  status.textContent = 'Your browser is working on it. This takes a few seconds, then it continues by itself.'
  solve().catch(() => {
    form.classList.remove('solving')
    status.textContent = told
  })
}
