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

export function integer(value: number): string {
  return value.toLocaleString("en").replaceAll(",", "\u202f");
}
