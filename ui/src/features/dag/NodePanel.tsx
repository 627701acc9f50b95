import { ActionIcon, Button } from "@mantine/core";
import { CodeBlock } from "@/components/CodeBlock";
import { Icon } from "@/components/Icon";
import { Markdown } from "@/components/Markdown";
import { plain } from "@/lib/ansi";
import { integer } from "@/lib/format";
import { duration } from "@/lib/time";
import type { DagNode, SessionState, StepEntry } from "@/live/session-state";
import styles from "./Dag.module.css";
import { stepsOf } from "./heat";
import { wordOf } from "./words";

interface Props {
  readonly node: DagNode;
  readonly state: SessionState;
  readonly onClose: () => void;
  readonly onFork: (step: string, name: string) => void;
  readonly onJump: (seq: number) => void;
  /** Show the line of an event in the console. */
  readonly onLine: (seq: number) => void;
}

const LINES = 8;

/** One node from near: what it was to reach, each try, its tool calls, and where to branch off. */
export function NodePanel({ node, state, onClose, onFork, onJump, onLine }: Props) {
  const steps = stepsOf(node, state.steps);
  const gate = state.approvals.find((approval) => approval.approvalId === node.id);
  const stepIds = new Set(steps.map((step) => step.stepId));
  const tools = state.tools.filter((tool) => tool.stepId !== null && stepIds.has(tool.stepId));
  const printed = state.lines.filter((line) => line.stepId !== null && stepIds.has(line.stepId));
  const last = steps.at(-1);
  return (
    <section className={styles.panel} aria-label={`Details of ${node.label}`} tabIndex={0}>
      <header>
        <h2>{node.label}</h2>
        <ActionIcon variant="subtle" color="gray" size={28} aria-label="Close details" onClick={onClose}>
          <Icon name="cross" />
        </ActionIcon>
      </header>
      <p className={styles.dim}>
        {wordOf(node)}
        {node.agent && `, by ${node.agent}`}
      </p>
      {node.goal && <p>{node.goal}</p>}
      {gate && (
        <p>
          {gate.status}
          {gate.respondedBy && ` by ${gate.respondedBy}`}
          {typeof gate.response["feedback"] === "string" && `: “${gate.response["feedback"]}”`}
        </p>
      )}
      {steps.map((step) => (
        <Try key={step.stepId} step={step} />
      ))}
      {tools.length > 0 && (
        <>
          <h3>Tool calls</h3>
          <ul className={styles.calls}>
            {tools.map((tool) => (
              <li key={tool.seq}>
                <button type="button" className={styles.link} onClick={() => onJump(tool.seq)}>
                  {tool.tool}
                </button>{" "}
                {tool.status}
                {tool.durationMs !== null && `, ${duration(tool.durationMs)}`}
              </li>
            ))}
          </ul>
        </>
      )}
      {printed.length > 0 && (
        <>
          <h3>Printed</h3>
          <CodeBlock
            label={`Printed by ${node.label}`}
            text={printed
              .slice(-LINES)
              .map((line) => plain(line.text))
              .join("\n")}
          />
          <p className={styles.dim}>
            <button type="button" className={styles.link} onClick={() => onLine(printed[0]?.seq ?? 0)}>
              {printed.length > LINES ? `All ${integer(printed.length)} lines in the console` : "In the console"}
            </button>
          </p>
        </>
      )}
      {last && node.type === "step" && (
        <Button
          size="xs"
          variant="default"
          leftSection={<Icon name="fork" />}
          onClick={() => onFork(last.key, node.label)}
        >
          Fork from here
        </Button>
      )}
    </section>
  );
}

function Try({ step }: { step: StepEntry }) {
  return (
    <div className={styles.try}>
      <p className={styles.dim}>
        {step.name}, attempt {step.attempt}
        {step.durationMs !== null && `, ${duration(step.durationMs)}`}
      </p>
      {step.error && <CodeBlock text={step.error} tone="bad" label="Error" />}
      {step.summary && <Markdown text={step.summary} />}
    </div>
  );
}
