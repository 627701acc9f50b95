/** Markdown as one reads it aloud, for places with room for a line or two. Pure. */
export function withoutMarks(text: string): string {
  return text
    .replace(/^#{1,6}\s+/gm, "")
    .replace(/(\*\*|`)(?=\S)(.+?)\1/g, "$2")
    .replace(/(^|[\s(])([*_])(?=\S)([^*_\n]*[^\s*_])\2(?=[\s).,;:!?]|$)/gm, "$1$3");
}
