import { Button } from "@mantine/core";
import { useEffect, type KeyboardEvent } from "react";
import { useMay, useMe } from "@/components/Access";
import { Icon } from "@/components/Icon";
import { ErrorState } from "@/components/States";
import fields from "@/components/form/form.module.css";
import { useNow } from "@/lib/now";
import { useStored } from "@/lib/stored";
import { clock, left } from "@/lib/time";
import type { ApprovalEntry } from "@/live/session-state";
import { answerOf, EMPTY, opened, type Draft } from "./form";
import { Given, Inputs } from "./Inputs";
import { actionsOf, CONSEQUENCE, KIND_ICON, OUTCOME, type Action } from "./kinds";
import styles from "./requests.module.css";
import { Subject } from "./Subject";
import { useAnswer } from "./useAnswer";
import { useReach, WHY_NOT } from "./useReach";

/** A question that waits for a person; once answered it stays, folded, with who said what and when. */
export function ApprovalCard({ approval }: { approval: ApprovalEntry }) {
  return approval.status === "pending" ? <Open approval={approval} /> : <Answered approval={approval} />;
}

function Open({ approval }: { approval: ApprovalEntry }) {
  const recommended = approval.requestData["recommended"];
  const start =
    approval.requestType === "selection" && typeof recommended === "number"
      ? { ...EMPTY, answer: { choice: recommended } }
      : EMPTY;
  const [draft, setDraft, forget] = useStored<Draft>(`request.${approval.approvalId}`, start);
  const { busy, problem, errors, answered, send, clear } = useAnswer(approval.approvalId);
  const reach = useReach();
  const unsent = WHY_NOT[reach];
  const mayAnswer = useMay("answer");
  const actions = actionsOf(approval);
  const preparing = actions.find((action) => action.resolution === draft.preparing);
  const change = (part: Partial<Draft>) => setDraft({ ...draft, ...part });

  async function answer(action: Action) {
    if (await send(answerOf(approval, action, draft))) forget();
  }
  /** Others are prepared first, which needs no server. */
  const isSent = (action: Action) =>
    draft.preparing === action.resolution || !(action.words ?? action.editing ?? action.proof);
  const press = (action: Action) => {
    if (isSent(action)) return unsent ? undefined : void answer(action);
    clear();
    change({
      preparing: action.resolution,
      ...(action.proof ? { words: "" } : {}),
      ...(action.editing ? opened(approval, draft) : {}),
    });
  };
  const back = () => {
    clear();
    change({ preparing: null });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && preparing) {
      event.stopPropagation();
      back();
    }
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    const first = preparing ?? actions.find((action) => action.tone === "primary");
    if (first && busy === null && !answered && isReady(first, draft)) press(first);
  };
  const atFields = Object.keys(errors).length > 0;

  return (
    <div
      role="group"
      className={styles.card}
      aria-labelledby={`ask-${approval.approvalId}`}
      data-request={approval.approvalId}
      tabIndex={-1}
      onKeyDown={onKeyDown}
    >
      <div className={styles.head}>
        <Icon name={KIND_ICON[approval.requestType] ?? "hand"} size={18} />
        <h2 id={`ask-${approval.approvalId}`}>{approval.title || "A question for you"}</h2>
        {approval.deadline && <Deadline at={approval.deadline} consequence={approval.onExpiry} />}
      </div>
      <fieldset className={styles.inputs} disabled={!mayAnswer}>
        <Inputs approval={approval} draft={draft} onChange={change} errors={errors} />
      </fieldset>
      {preparing?.words && (
        <label className={fields.field}>
          <span className={fields.label}>{preparing.words.label}</span>
          <textarea
            className={fields.control}
            rows={2}
            autoFocus
            value={draft.words}
            onChange={(event) => change({ words: event.currentTarget.value })}
          />
        </label>
      )}
      {preparing?.proof && (
        <label className={fields.field}>
          <span className={fields.label}>
            This may destroy something and cannot be taken back. Type <code>{preparing.proof}</code> to allow it.
          </span>
          <input
            className={fields.control}
            autoFocus
            autoComplete="off"
            value={draft.words}
            onChange={(event) => change({ words: event.currentTarget.value })}
          />
        </label>
      )}
      {problem && answered ? (
        <p className={styles.elsewhere} role="status">
          {problem.message} Nothing more to do here.
        </p>
      ) : (
        problem &&
        (atFields ? (
          <p className={styles.refused} role="alert">
            Not accepted yet: see the marked {Object.keys(errors).length === 1 ? "field" : "fields"}.
          </p>
        ) : (
          <ErrorState problem={problem} />
        ))
      )}
      <div className={styles.actions} data-answers="">
        {!mayAnswer && <span className={styles.note}>It waits for somebody who may answer; you can view it.</span>}
        {(!mayAnswer ? [] : preparing ? [preparing] : actions).map((action) => (
          <Button
            key={action.resolution}
            variant={preparing || action.tone === "primary" ? "filled" : "default"}
            {...(action.tone === "danger" ? { color: "red" } : {})}
            loading={busy === action.resolution}
            disabled={
              (busy !== null && busy !== action.resolution) ||
              answered ||
              (unsent !== undefined && isSent(action)) ||
              (!isReady(action, draft) && preparing !== undefined)
            }
            data-answer={action.resolution}
            onClick={() => press(action)}
          >
            {preparing?.editing ?? (preparing ? SEND[action.resolution] : undefined) ?? action.label}
          </Button>
        ))}
        {preparing && (
          <Button variant="default" onClick={back} disabled={busy !== null}>
            {preparing.editing ? "Keep it as it was" : "Back"}
          </Button>
        )}
        {reach !== "live" && !answered && mayAnswer && (
          <span className={styles.note}>{unsent ?? "Not live: your answer is sent as soon as you press."}</span>
        )}
      </div>
    </div>
  );
}

/** What the button says once the words are there. */
const SEND: Readonly<Record<string, string>> = { revise: "Send this", redo: "Do it again" };

function isReady(action: Action, draft: Draft): boolean {
  if (action.proof && draft.preparing === action.resolution) return draft.words.trim() === action.proof;
  return !action.words?.needed || draft.preparing !== action.resolution || draft.words.trim() !== "";
}

function Deadline({ at, consequence }: { at: string; consequence: string }) {
  const now = useNow();
  const words = left(at, now);
  const soon = Date.parse(at) - now < 5 * 60_000;
  return (
    <span className={styles.deadline} data-soon={soon || undefined} title={new Date(at).toLocaleString()}>
      <Icon name="clock" size={13} />
      <span>
        {words === "passed" ? (
          "The deadline has passed"
        ) : (
          <>
            answer within <span className="num">{words}</span>
          </>
        )}
        {CONSEQUENCE[consequence] && <>, {CONSEQUENCE[consequence]}</>}
      </span>
    </span>
  );
}

function Answered({ approval }: { approval: ApprovalEntry }) {
  const words =
    approval.status === "expired"
      ? "Expired"
      : approval.status === "cancelled"
        ? "No longer needed"
        : (OUTCOME[approval.resolution ?? ""] ?? approval.status);
  const me = useMe();
  const isMine = me?.auth === "password" && approval.answeredBy?.userId === me.user_id;
  const feedback = approval.response["feedback"];
  useEffect(() => {
    localStorage.removeItem(`perdure.request.${approval.approvalId}`);
  }, [approval.approvalId]);
  return (
    <details className={styles.answered}>
      <summary>
        <Icon name={approval.status === "approved" ? "check" : approval.status === "rejected" ? "cross" : "list"} />
        <span>
          <strong>{words}</strong>
          {approval.respondedBy && ` by ${approval.respondedBy}`}
          {isMine && <span className={styles.note}> (you)</span>}
          {approval.respondedAt && `, ${clock(approval.respondedAt)}`}
          {": "}
          {approval.title}
        </span>
      </summary>
      <div className={styles.past}>
        {typeof feedback === "string" && feedback && <p className={styles.said}>“{feedback}”</p>}
        <Given approval={approval} />
        <Subject approval={approval} />
      </div>
    </details>
  );
}
