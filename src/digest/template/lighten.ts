// What MJML writes around a mail and no program needs: for Outlook 2003 and Internet Explorer, for
// columns that are as wide as their mail without it, and whatever stands twice. Pure. For digests
// only: a notice is made anew when it is repeated, so its bytes stay as they are.

/**
 * What columns beside one another need. One that stands alone has its width inline; where there are
 * others, MJML writes more rules into these sheets, and they stay.
 */
const COLUMN_SHEETS =
  /<style type="text\/css">\n@media [^{]*\{\n\.mj-column-per-100 \{[^}]*\}\n\}\n<\/style>\n<style media="[^"]*">\n\.moz-text-html \.mj-column-per-100 \{[^}]*\}\n<\/style>\n/
const COLUMN_CLASS = /class="mj-column-per-100 mj-outlook-group-fix" /g

const NEEDLESS: readonly (readonly [part: RegExp, instead: string])[] = [
  // Of the mail itself alone, and Outlook's of shapes only where there are none: a host may draw.
  [/(?<=<html\b[^>]*) xmlns="[^"]*"/, ''],
  [/(?<=<html\b[^>]*) xmlns:v="[^"]*"(?![\s\S]*<v:)/, ''],
  [/<!--\[if !mso\]><!-->\n<meta http-equiv="X-UA-Compatible"[^>]*>\n<!--<!\[endif\]-->\n/, ''],
  [/<!--\[if lte mso 11\]>\n<style[^>]*>[^<]*<\/style>\n<!\[endif\]-->\n/, ''],
  [/ (?:class|style)=""/g, ''],
  [/<style type="text\/css">/g, '<style>'],
  [/background:(#\w+);(?=background-color:\1;)/g, ''],
  [/&#847;/g, '\u034f'],
]
const SHEET = /<style>[^<]*<\/style>/g

/** Returns a mail as MJML made it without what says nothing. It looks the same everywhere. */
export function lighten(html: string): string {
  const ruled = html.replace(COLUMN_SHEETS, '')
  const plain = ruled === html ? html : ruled.replace(COLUMN_CLASS, '')
  return NEEDLESS.reduce((rest, [part, instead]) => rest.replace(part, instead), plain).replace(SHEET, tighten)
}

function tighten(css: string): string {
  return css.replace(/;\s*(?=\})/g, '').replace(/ (?=!important)|(?<=[{}:;])\s+| (?=\{)/g, '')
}
