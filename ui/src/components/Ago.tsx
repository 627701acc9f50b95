import { useNow } from "@/lib/now";
import { ago } from "@/lib/time";

/** A time in words, with the exact one behind it. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {ago(at, now)}
    </time>
  );
}
