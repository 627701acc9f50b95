/** Cut Markdown at blank lines between top-level paragraphs; code fences, lists and quotes stay whole. */
export function blocks(text: string): string[] {
  const result: string[] = [];
  let current: string[] = [];
  let fence: string | null = null;
  let blank = false;
  const continues = /^(\s|[-*+>|]|\d+[.)]|\[)/;
  for (const line of text.split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence === null && blank && current.length > 0 && line.trim() !== "" && !continues.test(line)) {
      result.push(current.join("\n"));
      current = [];
    }
    if (mark) {
      if (fence === null) fence = mark;
      else if (mark.startsWith(fence)) fence = null;
    }
    current.push(line);
    blank = line.trim() === "";
  }
  if (current.some((line) => line.trim() !== "")) result.push(current.join("\n"));
  return result;
}
