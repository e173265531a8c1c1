// Charts as SVG without a library: lines over a size that grows by factors, side by side. Readable
// on light and dark pages, since each brings its own ground.

export interface Series {
  name: string
  /** One value a size. */
  values: readonly number[]
}
export interface Panel {
  title: string
  series: readonly Series[]
}

const WIDTH = 380
const HEIGHT = 260
const LEFT = 56
const TOP = 44
const PLOT = { width: 296, height: 150 }
const COLOURS = ['#c2410c', '#1d4ed8', '#6b7280', '#15803d']
const TICKS = 4
/** A letter of the legend, and what is between two names. */
const LETTER = 5.8
const GAP = 8

/** Draws `panels` over the same sizes, each from 0 to a round number above its largest value. */
export function drawCharts(sizes: readonly number[], unit: string, panels: readonly Panel[]): string {
  const width = WIDTH * panels.length
  const drawn = panels.map(
    (panel, index) => `<g transform="translate(${index * WIDTH} 0)">${drawPanel(sizes, unit, panel)}</g>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" width="${width}" height="${HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="11" fill="#374151">
<title>${panels.map(({ title }) => title).join('; ')}</title>
<rect width="${width}" height="${HEIGHT}" fill="#ffffff"/>
${drawn.join('\n')}
</svg>
`
}

function drawPanel(sizes: readonly number[], unit: string, { title, series }: Panel): string {
  const top = roundUp(Math.max(...series.flatMap(({ values }) => values)))
  const [least, most] = [Math.log(sizes[0] ?? 1), Math.log(sizes.at(-1) ?? 1)]
  const x = (size: number) => (LEFT + ((Math.log(size) - least) / (most - least)) * PLOT.width).toFixed(1)
  const y = (value: number) => (TOP + PLOT.height * (1 - value / top)).toFixed(1)
  const lines = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const value = (top / TICKS) * tick
    return `<path d="M${LEFT} ${y(value)}h${PLOT.width}" stroke="#e5e7eb"/><text x="${LEFT - 6}" y="${Number(y(value)) + 4}" text-anchor="end">${shorten(value)}</text>`
  })
  const labels = sizes.map(
    (size) => `<text x="${x(size)}" y="${TOP + PLOT.height + 16}" text-anchor="middle">${shorten(size)}</text>`,
  )
  const curves = series.map(({ values }, index) => {
    const colour = COLOURS[index % COLOURS.length]
    const points = values.map((value, at) => `${x(sizes[at] as number)},${y(value)}`)
    const dots = points
      .map((point) => point.split(','))
      .map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="2.5" fill="${colour}"/>`)
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.8"/>${dots.join('')}`
  })
  let at = LEFT
  const legend = series.map(({ name }, index) => {
    const mark = `<rect x="${at}" y="${HEIGHT - 22}" width="10" height="10" fill="${COLOURS[index % COLOURS.length]}"/>`
    const drawn = `${mark}<text x="${at + 14}" y="${HEIGHT - 13}">${escapeXml(name)}</text>`
    at += 14 + name.length * LETTER + GAP
    return drawn
  })
  const heading = `<text x="${LEFT}" y="22" font-size="13" font-weight="bold" fill="#111827">${escapeXml(title)}</text>`
  const under = `<text x="${LEFT + PLOT.width}" y="${TOP + PLOT.height + 31}" text-anchor="end">${escapeXml(unit)}</text>`
  return [heading, ...lines, ...labels, under, ...curves, ...legend].join('\n')
}

/** The least of 1, 2, 4 or 8 times a power of ten that is not below `value`. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 4, 8, 10].find((step) => step * power >= value) ?? 10) * power
}

function shorten(value: number): string {
  if (value >= 1_000_000) return `${value / 1_000_000} m`
  return value >= 1_000 ? `${value / 1_000} k` : `${value}`
}

function escapeXml(text: string): string {
  return text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
