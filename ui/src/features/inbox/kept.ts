/** Questions in the order in which they are shown: what is gone from the list stays where it was, what is new comes in at its place. */
export function inPlace<T extends { readonly approval_id: string }>(before: readonly T[], now: readonly T[]): T[] {
  const fresh = new Map(now.map((each) => [each.approval_id, each]));
  const shown = before.map((each) => fresh.get(each.approval_id) ?? each);
  const known = new Set(shown.map((each) => each.approval_id));
  let next: string | undefined;
  for (const each of now.toReversed()) {
    if (!known.has(each.approval_id)) {
      const at = next === undefined ? shown.length : shown.findIndex((other) => other.approval_id === next);
      shown.splice(at, 0, each);
    }
    next = each.approval_id;
  }
  return shown;
}
