import { Button, Textarea } from "@mantine/core";
import { useRef, useState } from "react";
import { answerApproval } from "@/api/approvals";
import { newKey } from "@/api/http";
import { asProblem, type Problem } from "@/api/problem";
import { Icon } from "@/components/Icon";
import { ErrorState } from "@/components/States";
import { useDraft } from "@/lib/draft";
import { useNow } from "@/lib/now";
import { clock, left } from "@/lib/time";
import type { ApprovalEntry } from "@/live/session-state";
import { useConnection } from "@/live/react";
import styles from "./ApprovalCard.module.css";
import { plannedSteps, wirePlan, type PlannedStep } from "./plan";
import { PlanEditor } from "./PlanEditor";
import { RequestView } from "./RequestView";

/** A question that waits for a person; once answered it stays, folded, with who said what and when. */
export function ApprovalCard({ approval }: { approval: ApprovalEntry }) {
  return approval.status === "pending" ? <Open approval={approval} /> : <Answered approval={approval} />;
}

const VERB: Readonly<Record<string, string>> = {
  approve: "Approve",
  reject: "Reject",
  revise: "Ask for changes",
  skip: "Skip this step",
  redo: "Do it again",
  retry: "Try again",
  continue: "Continue",
  abort: "Abort",
  answer: "Answer",
};
const PRIMARY = new Set(["approve", "continue", "retry", "answer"]);
const NEEDS_TEXT: Readonly<Record<string, string>> = {
  revise: "What should be different?",
  reject: "Why not? (can stay empty)",
  redo: "What should be different?",
  answer: "Your answer",
};

function Open({ approval }: { approval: ApprovalEntry }) {
  const [feedback, setFeedback] = useDraft(`approval.${approval.approvalId}`);
  const [writing, setWriting] = useState<string | null>(feedback ? "revise" : null);
  const [edited, setEdited] = useState<readonly PlannedStep[] | null>(null);
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const connection = useConnection();
  const key = useRef(newKey());
  const offered = (approval.options.length > 0 ? approval.options : ["approve", "reject"]).filter((each) => VERB[each]);
  const plan = plannedSteps(approval.requestData);
  const answered = problem?.code === "already-answered";
  const canEdit = plan !== null && !answered && approval.options.includes("modify");

  async function answer(resolution: string) {
    setBusy(resolution);
    setProblem(null);
    const text = feedback.trim();
    const body = {
      resolution,
      ...(text ? { feedback: text } : {}),
      ...(resolution === "modify" && edited ? { modifications: wirePlan(edited) } : {}),
    };
    try {
      await answerApproval(approval.approvalId, body, `${key.current}-${resolution}`);
      setFeedback("");
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(null);
    }
  }

  const press = (resolution: string) => {
    if (resolution in NEEDS_TEXT && writing !== resolution) setWriting(resolution);
    else void answer(resolution);
  };

  return (
    <section className={styles.card} aria-labelledby={`ask-${approval.approvalId}`} id="request" tabIndex={-1}>
      <div className={styles.head}>
        <Icon name="hand" />
        <h2 id={`ask-${approval.approvalId}`}>{approval.title || "A question for you"}</h2>
        {approval.deadline && <Deadline at={approval.deadline} />}
      </div>
      {edited ? <PlanEditor steps={edited} onChange={setEdited} /> : <RequestView data={approval.requestData} />}
      {writing && (
        <Textarea
          label={NEEDS_TEXT[writing]}
          autosize
          minRows={2}
          maxRows={8}
          autoFocus
          value={feedback}
          onChange={(event) => setFeedback(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") setWriting(null);
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void answer(writing);
          }}
        />
      )}
      {problem && answered ? (
        <p className={styles.elsewhere} role="status">
          {problem.message} Nothing more to do here.
        </p>
      ) : (
        problem && <ErrorState problem={problem} />
      )}
      <div className={styles.actions}>
        {edited && (
          <>
            <Button loading={busy === "modify"} disabled={busy !== null && busy !== "modify"} onClick={() => void answer("modify")}>
              Start with this plan
            </Button>
            <Button variant="default" onClick={() => setEdited(null)}>
              Keep the plan as it was
            </Button>
          </>
        )}
        {!edited && offered.map((resolution) => (
          <Button
            key={resolution}
            variant={(writing ? writing === resolution : PRIMARY.has(resolution)) ? "filled" : "default"}
            loading={busy === resolution}
            disabled={(busy !== null && busy !== resolution) || answered}
            onClick={() => press(resolution)}
          >
            {writing === resolution && resolution === "revise" ? "Send changes" : VERB[resolution]}
          </Button>
        ))}
        {!edited && canEdit && (
          <Button variant="default" disabled={busy !== null} onClick={() => setEdited(plan)}>
            Edit the plan
          </Button>
        )}
        {connection.kind !== "live" && !answered && <span className={styles.note}>Not live: your answer is sent as soon as you press.</span>}
      </div>
    </section>
  );
}

function Deadline({ at }: { at: string }) {
  const now = useNow();
  return (
    <span className={styles.note} title={new Date(at).toLocaleString()}>
      answer within <span className="num">{left(at, now)}</span>
    </span>
  );
}

const OUTCOME: Readonly<Record<string, string>> = {
  approve: "Approved",
  reject: "Rejected",
  revise: "Changes asked for",
  modify: "Changed and approved",
  answer: "Answered",
};

function Answered({ approval }: { approval: ApprovalEntry }) {
  const words =
    approval.status === "expired" ? "Expired" : approval.status === "cancelled" ? "No longer needed" : OUTCOME[approval.resolution ?? ""] ?? approval.status;
  return (
    <details className={styles.answered}>
      <summary>
        <Icon name={approval.status === "approved" ? "check" : approval.status === "rejected" ? "cross" : "list"} />
        <span>
          <strong>{words}</strong>
          {approval.respondedBy && ` by ${approval.respondedBy}`}
          {approval.respondedAt && `, ${clock(approval.respondedAt)}`}
          {": "}
          {approval.title}
        </span>
      </summary>
      {approval.feedback && <p className={styles.feedback}>“{approval.feedback}”</p>}
      <RequestView data={approval.requestData} />
    </details>
  );
}
