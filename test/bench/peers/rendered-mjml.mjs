// A digest as a plain MJML document.
import mjml2html from 'mjml'
import { SUBJECT } from './readers.mjs'

/** Returns the HTML of ten papers for one reader. */
export async function renderMjml(papers, reader) {
  const { html } = await mjml2html(`<mjml>
  <mj-head><mj-preview>${escapeXml(papers[0].title)}</mj-preview></mj-head>
  <mj-body>
    <mj-section><mj-column><mj-text font-size="22px">${SUBJECT}</mj-text></mj-column></mj-section>
    ${papers.map(card).join('')}
    <mj-section><mj-column><mj-text font-size="13px" color="#6b7280">
      You subscribed to this. <a href="${reader.link}">Unsubscribe</a>
    </mj-text></mj-column></mj-section>
  </mj-body>
</mjml>`)
  return html
}

function card({ id, title, sentence, votes, comments }) {
  return `<mj-section><mj-column>
    <mj-text font-size="18px"><a href="https://papers.example/papers/${id}">${escapeXml(title)}</a></mj-text>
    <mj-text>${escapeXml(sentence)}</mj-text>
    <mj-text font-size="13px" color="#6b7280">${votes} votes · ${comments} comments ·
      <a href="https://arxiv.org/pdf/${id}">PDF</a></mj-text>
  </mj-column></mj-section>`
}

function escapeXml(text) {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
