// Words that run from right to left within a line of ours, which runs from left to right.

const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Mandaic}\p{Script=Samaritan}\p{Script=Adlam}]/u
const ISOLATE = '\u2068'
const END = '\u2069'

/**
 * Returns a title or name so that it stands in a line by itself: what runs from right to left is
 * isolated, or it would take signs and numbers beside it along. Others are returned as they are.
 */
export function isolated(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `${ISOLATE}${text}${END}` : text
}
