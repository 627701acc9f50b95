/** How the form of a mode is divided: what matters for the task first, the rest folded. */

import type { IconName } from "@/components/Icon";
import type { ModeInfo } from "@/api/types";
import { fieldsOf, type Field, type Values } from "@/lib/schema";
import { secretName } from "@/lib/secrets";

/** In a section of their own. */
const APART = new Set(["model", "tool_permissions", "resource_limits"]);
/** Every mode has them, and few need them. */
const RARE =
  /^(agent|on_busy|instructions|max_rounds|max_attempts|mcp_servers|default_model|api_key|base_url|approval_deadline_s|expiry|.*_model|plan_instructions|history_messages|n_plan_reviews)$/;

export interface ModeForm {
  readonly basic: readonly Field[];
  readonly advanced: readonly Field[];
  readonly permissions: Field | undefined;
}

export function formOf(mode: ModeInfo): ModeForm {
  const fields = fieldsOf(mode.config_schema);
  const own = fields.filter((field) => !APART.has(field.name));
  return {
    basic: own
      .filter((field) => !RARE.test(field.name))
      .sort((a, b) => Number(b.name === "approval_mode") - Number(a.name === "approval_mode")),
    advanced: own.filter((field) => RARE.test(field.name)),
    permissions: fields.find((field) => field.name === "tool_permissions"),
  };
}

/** What must not be written down in the browser, and the rest. A reference to a kept secret tells nobody anything. */
export function apart(mode: ModeInfo, config: Values): { readonly secret: Values; readonly plain: Values } {
  const properties = (mode.config_schema["properties"] ?? {}) as Record<string, unknown>;
  const isSecret = ([name, value]: [string, unknown]) => isMarked(properties[name]) && secretName(value) === null;
  const entries = Object.entries(config);
  return {
    secret: Object.fromEntries(entries.filter(isSecret)),
    plain: Object.fromEntries(entries.filter((entry) => !isSecret(entry))),
  };
}

/** As the server finds the keys of a config whose values, or values in them, are secrets. */
function isMarked(part: unknown): boolean {
  if (typeof part !== "object" || part === null) return false;
  const { writeOnly, format, "x-secret": mark } = part as Record<string, unknown>;
  return writeOnly === true || mark === true || format === "password" || Object.values(part).some(isMarked);
}

/** The limits of a session, by the same shape as those of a run. */
export function limitFields(mode: ModeInfo): readonly Field[] {
  const definitions = (mode.config_schema["$defs"] ?? {}) as Record<string, Record<string, unknown>>;
  return fieldsOf(definitions["ResourceLimits"] ?? {});
}

/** What a person at the console wants unless they say otherwise: to see the plan first. */
export function startingValues(mode: ModeInfo): Values {
  const approval = fieldsOf(mode.config_schema).find((field) => field.name === "approval_mode");
  return approval?.choices.some((choice) => choice.value === "after_planning")
    ? { approval_mode: "after_planning" }
    : {};
}

const ICONS: Readonly<Record<string, IconName>> = {
  messages: "messages",
  "book-plus": "book",
  bulb: "bulb",
  bolt: "bolt",
  "list-checks": "checks",
  hand: "hand",
  "file-down": "down",
  scan: "scan",
  "file-text": "file",
};

export function iconOf(mode: ModeInfo): IconName {
  return ICONS[mode.icon] ?? "list";
}

/** The first words of the task; a name can be changed later. */
export function nameOf(task: string): string {
  const words = task.trim().split(/\s+/).join(" ");
  if (words.length <= 60) return words;
  const cut = words.slice(0, 58);
  const whole = cut.lastIndexOf(" ") > 20 ? cut.slice(0, cut.lastIndexOf(" ")) : cut;
  return `${whole.replace(/[\s,.;:–-]+$/, "")}…`;
}
