import { Button } from "@mantine/core";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { fileUrl } from "@/api/files";
import { acceptMission, cancelMission, getMission, listMissions, rejectMission, reviseMission } from "@/api/missions";
import { asProblem, type Problem } from "@/api/problem";
import type { AssetInfo, MissionDetail } from "@/api/types";
import { useMay } from "@/components/Access";
import fields from "@/components/form/form.module.css";
import { Icon, type IconName } from "@/components/Icon";
import { JsonView } from "@/components/JsonView";
import { EmptyState, ErrorState, Loading } from "@/components/States";
import { folded } from "@/lib/fold";
import { bytes, integer } from "@/lib/format";
import { asFields } from "@/live/frames";
import type { SessionState } from "@/live/session-state";
import styles from "./Mission.module.css";

/** The goal, how it is known to be reached, the hops on the way with what they take and make. */
export default function MissionTab({ state }: { state: SessionState }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const hops = state.dag.nodes.map((node) => node.status).join();
  const mark = `${state.planChanges} ${hops} ${state.files.length} ${state.run?.status ?? ""}`;
  const list = useQuery({
    queryKey: ["missions", state.sessionId, mark],
    queryFn: () => listMissions(state.sessionId),
    placeholderData: keepPreviousData,
  });
  const id = chosen ?? list.data?.[0]?.mission_id;
  const query = useQuery({
    queryKey: ["mission", id, mark],
    queryFn: () => getMission(id ?? ""),
    enabled: id !== undefined,
    placeholderData: keepPreviousData,
  });
  const error = list.error ?? query.error;
  if (error && !query.data) return <ErrorState problem={asProblem(error)} onRetry={() => void list.refetch()} />;
  if (list.data?.length === 0)
    return <EmptyState>A plan, or a mission that somebody links to this session, appears here.</EmptyState>;
  if (!query.data) return <Loading label="Loading the mission" />;
  return (
    <div className={styles.mission}>
      {(list.data?.length ?? 0) > 1 && (
        <label className={styles.which}>
          Mission{" "}
          <select className={fields.control} value={id} onChange={(event) => setChosen(event.currentTarget.value)}>
            {list.data?.map((mission) => (
              <option key={mission.mission_id} value={mission.mission_id}>
                {mission.name || mission.goal} ({wordOf(mission.status)})
              </option>
            ))}
          </select>
        </label>
      )}
      <Mission mission={query.data} sessionId={state.sessionId} />
    </div>
  );
}

/** The words that steps, nodes and sessions have too, where they are the same thing. */
const WORD: Readonly<Record<string, string>> = { completed: "Done", executing: "Running", in_progress: "Under way" };

function wordOf(status: string): string {
  return WORD[status] ?? status.charAt(0).toUpperCase() + status.slice(1).replaceAll("_", " ");
}

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

function Mission({ mission, sessionId }: { mission: MissionDetail; sessionId: string }) {
  const error = asFields(mission.error)["message"];
  return (
    <>
      <section className={styles.head}>
        <h2>{mission.name || "Mission"}</h2>
        <span className={styles.status} data-status={mission.status}>
          {wordOf(mission.status)}
          {mission.revision > 1 && `, revision ${mission.revision}`}
        </span>
      </section>
      {mission.goal !== mission.name && <p className={styles.goal}>{mission.goal}</p>}
      {mission.success_criteria.length > 0 && (
        <section>
          <h3>Reached when</h3>
          <ul>
            {mission.success_criteria.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </section>
      )}
      {mission.scope && (
        <section>
          <h3>Scope</h3>
          <p>{mission.scope}</p>
        </section>
      )}
      {typeof error === "string" && <p className={styles.bad}>{error}</p>}
      <Decision mission={mission} />
      <section>
        <h3>Hops</h3>
        <Hops mission={mission} sessionId={sessionId} />
      </section>
      {mission.assets.some((asset) => asset.hop_id === null) && (
        <section>
          <h3>Assets</h3>
          <Assets assets={mission.assets.filter((asset) => asset.hop_id === null)} sessionId={sessionId} />
        </section>
      )}
    </>
  );
}

/** The hops in order; long stretches of what is done or far away are folded until somebody opens them. */
function Hops({ mission, sessionId }: { mission: MissionDetail; sessionId: string }) {
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
                <code>{tool.tool}</code> {tool.status}
              </li>
            ))}
          </ul>
        </details>
      )}
    </li>
  );
}

function Assets({ assets, sessionId }: { assets: readonly AssetInfo[]; sessionId: string }) {
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

/** Yes, no, or what should be different, while the mission is proposed; ended by hand while it is under way. */
function Decision({ mission }: { mission: MissionDetail }) {
  const queries = useQueryClient();
  const [words, setWords] = useState("");
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const mayDecide = useMay("answer");
  const run = async (name: string, command: () => Promise<void>) => {
    setBusy(name);
    setProblem(null);
    try {
      await command();
      setWords("");
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(null);
      void queries.invalidateQueries({ queryKey: ["missions"] });
      void queries.invalidateQueries({ queryKey: ["mission"] });
    }
  };
  const proposed = mission.status === "proposed";
  if (!mayDecide) return null;
  if (!proposed && mission.status !== "accepted" && mission.status !== "in_progress") return null;
  const id = mission.mission_id;
  return (
    <section className={styles.decision} aria-label="Decision">
      {proposed && (
        <label className={fields.field}>
          <span className={fields.label}>A word on it (needed to ask for changes)</span>
          <textarea
            className={fields.control}
            rows={1}
            value={words}
            onChange={(event) => setWords(event.currentTarget.value)}
          />
        </label>
      )}
      <div>
        {proposed ? (
          <>
            <Button
              size="xs"
              loading={busy === "accept"}
              onClick={() => void run("accept", () => acceptMission(id, mission.revision))}
            >
              Accept
            </Button>
            <Button
              size="xs"
              variant="default"
              loading={busy === "revise"}
              disabled={!words.trim()}
              onClick={() => void run("revise", () => reviseMission(id, words.trim()))}
            >
              Ask for changes
            </Button>
            <Button
              size="xs"
              variant="default"
              loading={busy === "reject"}
              onClick={() => void run("reject", () => rejectMission(id, words.trim()))}
            >
              Reject
            </Button>
          </>
        ) : (
          <Button
            size="xs"
            variant="default"
            loading={busy === "cancel"}
            onClick={() => void run("cancel", () => cancelMission(id))}
          >
            Cancel the mission
          </Button>
        )}
      </div>
      {problem && <ErrorState problem={problem} />}
    </section>
  );
}
