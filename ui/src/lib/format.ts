/** Dollars; small sums keep the digits that matter. `null` is for callers to put in words. */
export function dollars(usd: number): string {
  if (usd === 0) return "$0.00";
  if (Math.abs(usd) < 0.01) return `$${usd.toFixed(4)}`;
  return `$${usd.toFixed(2)}`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1_000_000) return `${(size / 1000).toFixed(1)} kB`;
  return `${(size / 1_000_000).toFixed(1)} MB`;
}

/** A count where there is little room: three digits and what they stand for. */
export function compact(value: number): string {
  if (value < 1000) return String(value);
  const [part, word] = value < 999_500 ? [value / 1000, "k"] : [value / 1_000_000, "M"];
  return `${part < 9.95 ? part.toFixed(1).replace(".0", "") : part.toFixed(0)}${word}`;
}

export function integer(value: number): string {
  return value.toLocaleString("en").replaceAll(",", "\u202f");
}
