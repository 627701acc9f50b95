import { asFields } from "@/live/frames";

export interface PlannedStep {
  readonly name: string;
  readonly goal: string;
  readonly agent: string;
  readonly points: readonly string[];
}

/** The steps of a plan in a request, or null when it is about something else. */
export function plannedSteps(data: Readonly<Record<string, unknown>>): PlannedStep[] | null {
  const plan = asFields(data["plan"] ?? data["mission"] ?? data);
  const steps = plan["steps"] ?? plan["hops"];
  if (!Array.isArray(steps)) return null;
  return steps.map((value, index) => {
    if (typeof value === "string") return { name: value, goal: "", agent: "", points: [] };
    const step = asFields(value);
    const points = step["bullet_points"] ?? step["success_criteria"];
    return {
      name: textOf(step["name"]) || `Step ${index + 1}`,
      goal: textOf(step["goal"] ?? step["description"]),
      agent: textOf(step["agent"]),
      points: Array.isArray(points) ? points.map(String) : [],
    };
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The plan as the server takes it back. */
export function wirePlan(steps: readonly PlannedStep[]): Readonly<Record<string, unknown>> {
  return {
    steps: steps
      .filter((step) => step.name.trim() || step.goal.trim())
      .map((step) => ({
        name: step.name.trim() || step.goal.trim(),
        goal: step.goal.trim() || step.name.trim(),
        agent: step.agent,
        bullet_points: step.points,
      })),
  };
}
