// Previews choices while they are made. Without it the Preview button does the same.
const form = document.querySelector('form[data-preview]')
let timer
let asking

async function preview() {
  asking?.abort()
  asking = new AbortController()
  // Not form.action: the buttons have that name.
  const body = new URLSearchParams(new FormData(form))
  body.set('action', 'preview')
  body.set('part', 'look-back')
  try {
    const answer = await fetch(form.getAttribute('action'), { method: 'POST', body, signal: asking.signal })
    if (!answer.ok) return
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    const next = page.querySelector('#look-back')
    const old = document.querySelector('#look-back')
    if (!next || !old) return
    // What was unfolded stays so.
    const unfolded = [...old.querySelectorAll('details')].map((part) => part.open)
    for (const [index, part] of [...next.querySelectorAll('details')].entries()) part.open = unfolded[index] ?? false
    // The region itself stays, so that its change is announced.
    old.replaceChildren(...next.childNodes)
  } catch {
    // The next change asks again.
  }
}

form?.addEventListener('input', () => {
  clearTimeout(timer)
  timer = setTimeout(preview, 400)
})
