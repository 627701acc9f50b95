import { asFields } from "@/live/frames";

export interface PlannedStep {
  /** Stays with the step while it is moved and edited; never sent. */
  readonly id: string;
  readonly name: string;
  readonly goal: string;
  readonly agent: string;
  readonly points: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** The steps of a plan in a request, or null when it is about something else. */
export function plannedSteps(data: Readonly<Record<string, unknown>>): PlannedStep[] | null {
  const plan = asFields(data["plan"] ?? data["mission"] ?? data);
  const steps = plan["steps"] ?? plan["hops"];
  if (!Array.isArray(steps)) return null;
  return steps.map((value, index) => {
    const step = asFields(typeof value === "string" ? { name: value } : value);
    return {
      id: `given-${index}`,
      name: textOf(step["name"]) || `Step ${index + 1}`,
      goal: textOf(step["goal"] ?? step["description"]),
      agent: textOf(step["agent"]),
      points: texts(step["bullet_points"] ?? step["success_criteria"]),
      inputs: texts(step["inputs"]),
      outputs: texts(step["outputs"]),
    };
  });
}

export function agentsOf(data: Readonly<Record<string, unknown>>): readonly string[] {
  return texts(data["agents"]);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function texts(value: unknown): string[] {
  return Array.isArray(value)
    ? value.map((each) => (typeof each === "string" ? each : textOf(asFields(each)["name"])))
    : [];
}

/** The plan as the server takes it back, steps in their order, so that its remarks can be shown at the field. */
export function wirePlan(steps: readonly PlannedStep[]): Readonly<Record<string, unknown>> {
  return {
    steps: steps.map((step) => ({
      name: step.name.trim() || step.goal.trim(),
      goal: step.goal.trim() || step.name.trim(),
      ...(step.agent ? { agent: step.agent } : {}),
      bullet_points: step.points.filter((point) => point.trim()),
      ...(step.inputs.length > 0 ? { inputs: step.inputs } : {}),
      ...(step.outputs.length > 0 ? { outputs: step.outputs } : {}),
    })),
  };
}

/** Move one step to another place. */
export function moved(steps: readonly PlannedStep[], from: number, to: number): PlannedStep[] {
  const next = [...steps];
  const [step] = next.splice(from, 1);
  if (step) next.splice(to, 0, step);
  return next;
}
