import { useMemo, useState } from "react";
import { fileUrl } from "@/api/files";
import type { AssetInfo, MissionDetail } from "@/api/types";
import { Icon, type IconName } from "@/components/Icon";
import { JsonView } from "@/components/JsonView";
import { folded } from "@/lib/fold";
import { bytes, integer } from "@/lib/format";
import { asFields } from "@/live/frames";
import styles from "./Mission.module.css";
import { wordOf } from "./words";

const ICON: Readonly<Record<string, IconName>> = {
  completed: "check",
  ready: "ring",
  proposed: "ring",
  executing: "retry",
  failed: "cross",
  rejected: "cross",
  skipped: "off",
  cancelled: "off",
};

/** The hops in order; long stretches of what is done or far away are folded until somebody opens them. */
export function Hops({ mission, sessionId }: { mission: MissionDetail; sessionId: string }) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const assets = useMemo(() => {
    const byHop = new Map<string, AssetInfo[]>();
    for (const asset of mission.assets) {
      if (asset.hop_id !== null) byHop.set(asset.hop_id, [...(byHop.get(asset.hop_id) ?? []), asset]);
    }
    return byHop;
  }, [mission.assets]);
  return (
    <ol className={styles.hops} aria-label="Hops">
      {folded(mission.hops, (hop) => hop.hop_id, opened).map((hop) =>
        "count" in hop ? (
          <li key={`fold-${hop.id}`} className={styles.fold}>
            <button type="button" onClick={() => setOpened(new Set([...opened, hop.id]))}>
              {hop.kind === "done"
                ? `Show ${integer(hop.count)} finished hops`
                : `Show ${integer(hop.count)} hops to come`}
            </button>
          </li>
        ) : (
          <Hop key={hop.hop_id} hop={hop} assets={assets.get(hop.hop_id) ?? []} sessionId={sessionId} />
        ),
      )}
    </ol>
  );
}

interface HopProps {
  readonly hop: MissionDetail["hops"][number];
  readonly assets: readonly AssetInfo[];
  readonly sessionId: string;
}

function Hop({ hop, assets, sessionId }: HopProps) {
  const tools = hop.tool_steps;
  const failure = asFields(hop.error)["message"];
  return (
    <li data-status={hop.status}>
      <div className={styles.hopHead}>
        <Icon name={ICON[hop.status] ?? "ring"} />
        <strong>{hop.name}</strong>
        <span>
          {hop.agent && <code>{hop.agent}</code>} {wordOf(hop.status)}
        </span>
      </div>
      {hop.goal && hop.goal !== hop.name && <p>{hop.goal}</p>}
      {hop.rationale && <p className={styles.dim}>{hop.rationale}</p>}
      {hop.success_criteria.length > 0 && (
        <ul className={styles.dim}>
          {hop.success_criteria.map((each) => (
            <li key={each}>{each}</li>
          ))}
        </ul>
      )}
      {typeof failure === "string" && <p className={styles.bad}>{failure}</p>}
      {hop.inputs.length > 0 && <p className={styles.dim}>takes {hop.inputs.join(", ")}</p>}
      {assets.length > 0 && <Assets assets={assets} sessionId={sessionId} />}
      {tools.length > 0 && (
        <details>
          <summary>
            {tools.length} tool {tools.length === 1 ? "call" : "calls"}
          </summary>
          <ul className={styles.dim}>
            {tools.map((tool) => (
              <li key={tool.tool_step_id}>
                <code>{tool.tool}</code> {wordOf(tool.status)}
              </li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}

export function Assets({ assets, sessionId }: { assets: readonly AssetInfo[]; sessionId: string }) {
  return (
    <ul className={styles.assets}>
      {assets.map((asset) => (
        <li key={asset.asset_id}>
          <Icon name={asset.path ? "file" : "box"} size={14} />
          {asset.path ? (
            <a href={fileUrl(sessionId, asset.path)} download={asset.path.split("/").at(-1)}>
              {asset.name}
            </a>
          ) : (
            <span>{asset.name}</span>
          )}
          <span className={styles.dim}>
            {asset.role}, {asset.status}
            {asset.size_bytes !== null && `, ${bytes(asset.size_bytes)}`}
            {asset.version > 1 && `, version ${asset.version}`}
          </span>
          {asset.value !== null && asset.value !== undefined && (
            <details>
              <summary>value</summary>
              <JsonView value={asset.value} label={asset.name} />
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}
