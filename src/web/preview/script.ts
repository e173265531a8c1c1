// The script of the preview's page: it reloads when a template changes and keeps the place. Pages
// of readers have none.

/**
 * Asks the stream for the revision of the templates, which it also tells at each connection: so no
 * change is missed, not even one while the preview was not running. Mails are scrolled in windows
 * of ours, as their sandboxed frames tell nobody where they are: the same window stands at the same
 * place after a reload, and light and dark move together.
 */
export const PREVIEW_SCRIPT = `const form = document.querySelector('form')
form.addEventListener('change', (event) => { if (event.target.localName === 'select') form.requestSubmit() })

const windows = [...document.querySelectorAll('.window')]
const places = JSON.parse(sessionStorage.getItem('places') ?? '{}')
let moving
for (const one of windows) {
  one.scrollTop = places[one.dataset.device] ?? 0
  one.addEventListener('pointerenter', () => { moving = one })
  one.addEventListener('focusin', () => { moving = one })
  one.addEventListener('scroll', () => {
    if (moving !== undefined && moving !== one) return
    places[one.dataset.device] = one.scrollTop
    for (const other of windows) if (other.dataset.device === one.dataset.device) other.scrollTop = one.scrollTop
  })
}
addEventListener('pagehide', () => { if (windows.length > 0) sessionStorage.setItem('places', JSON.stringify(places)) })

const standing = document.querySelector('#standing')
const events = new EventSource('/events')
events.onmessage = ({ data }) => { if (data !== document.body.dataset.revision) location.reload() }
events.onopen = () => { standing.textContent = 'Follows the templates' }
events.onerror = () => { standing.textContent = 'Ended: start it again' }
`
