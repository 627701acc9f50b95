import type { CostRow } from "@/api/types";
import { Money } from "@/components/Money";
import { integer } from "@/lib/format";
import styles from "./Costs.module.css";
import { SHADES, shareOf } from "./series";

/** One bar of everything, and a line with its numbers for each part of it. */
export function CostTable({ rows, by }: { rows: readonly CostRow[]; by: string }) {
  const priced = rows.some((row) => row.cost_usd !== null && row.cost_usd > 0);
  const cached = rows.some((row) => row.cached_tokens > 0);
  const share = (row: CostRow) => shareOf(row, rows, priced);
  return (
    <>
      {rows.length > 1 && (
        <div className={styles.stack} aria-hidden="true">
          {rows.map((row, index) => (
            <span
              key={row.key}
              data-shade={index % SHADES}
              style={{ width: `${share(row) * 100}%` }}
              title={`${row.key}: ${Math.round(share(row) * 100)} %`}
            />
          ))}
        </div>
      )}
      <div className={styles.scroll} tabIndex={0} role="region" aria-label={`Costs by ${by}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">{by.charAt(0).toUpperCase() + by.slice(1)}</th>
              <th scope="col" className={styles.share}>{priced ? "Share of the cost" : "Share of the tokens"}</th>
              <th scope="col">Calls</th>
              <th scope="col">In</th>
              {cached && <th scope="col">Cached</th>}
              <th scope="col">Out</th>
              <th scope="col">Cost</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={row.key}>
                <th scope="row">
                  <span className={styles.swatch} data-shade={index % SHADES} aria-hidden="true" />
                  {row.key}
                </th>
                <td className={styles.share}>{Math.round(share(row) * 100)} %</td>
                <td>{integer(row.calls)}</td>
                <td>{integer(row.input_tokens)}</td>
                {cached && <td>{integer(row.cached_tokens)}</td>}
                <td>{integer(row.output_tokens)}</td>
                <td>
                  <Money usd={row.cost_usd} unpricedCalls={row.unpriced_calls} calls={row.calls} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
