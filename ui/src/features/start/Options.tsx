import { useQuery } from "@tanstack/react-query";
import { getReadiness } from "@/api/server";
import type { ModeInfo } from "@/api/types";
import fields from "@/components/form/form.module.css";
import { SchemaFields } from "@/components/form/SchemaFields";
import { given, type Values } from "@/lib/schema";
import { formOf, limitFields } from "./modes";
import styles from "./NewTask.module.css";

interface Props {
  readonly mode: ModeInfo;
  readonly config: Values;
  readonly limits: Values;
  readonly errors: Readonly<Record<string, string>>;
  readonly onConfig: (config: Values) => void;
  readonly onLimits: (limits: Values) => void;
}

/** The mode's own settings, then model, limits and permissions; what is rarely needed is folded. */
export function Options({ mode, config, limits, errors, onConfig, onLimits }: Props) {
  const form = formOf(mode);
  const ready = useQuery({ queryKey: ["ready"], queryFn: getReadiness, retry: false });
  const wrongIn = (path: string) => Object.keys(errors).some((field) => field.startsWith(path));
  const count = (names: readonly string[]) => Object.keys(given(config)).filter((name) => names.includes(name)).length;
  const set = (number: number) => (number > 0 ? <span className={styles.set}>{number} set</span> : null);
  const permissions = form.permissions;
  const advanced = form.advanced.map((field) => field.name);
  const model = typeof config["model"] === "string" ? config["model"] : "";
  return (
    <div className={styles.options}>
      {form.basic.length > 0 && (
        <div className={styles.basic}>
          <SchemaFields fields={form.basic} values={config} onChange={onConfig} errors={errors} path="config" />
        </div>
      )}
      <details open={model !== "" || wrongIn("config.model") || undefined}>
        <summary>Model{set(model ? 1 : 0)}</summary>
        <label className={fields.field}>
          <span className={fields.about}>
            As provider:model. Left empty, the server’s own is used
            {ready.data?.model?.name && <>: {ready.data.model.name}</>}.
          </span>
          <input
            className={fields.control}
            aria-label="Model"
            aria-invalid={errors["config.model"] ? true : undefined}
            placeholder={ready.data?.model?.name ?? ""}
            value={model}
            onChange={(event) => onConfig({ ...config, model: event.currentTarget.value || undefined })}
          />
          {errors["config.model"] && <span className={fields.error}>{errors["config.model"]}</span>}
        </label>
      </details>
      <details open={wrongIn("resource_limits") || undefined}>
        <summary>Limits{set(Object.keys(given(limits)).length)}</summary>
        <p className={fields.about}>When one is reached, the run stops and asks you.</p>
        <SchemaFields
          fields={limitFields(mode)}
          values={limits}
          onChange={onLimits}
          errors={errors}
          path="resource_limits"
        />
      </details>
      {permissions && (
        <details open={wrongIn("config.tool_permissions") || undefined}>
          <summary>What tools may do{set(count(["tool_permissions"]))}</summary>
          <SchemaFields fields={[permissions]} values={config} onChange={onConfig} errors={errors} path="config" />
        </details>
      )}
      {form.advanced.length > 0 && (
        <details open={advanced.some((name) => wrongIn(`config.${name}`)) || undefined}>
          <summary>Advanced{set(count(advanced))}</summary>
          <SchemaFields fields={form.advanced} values={config} onChange={onConfig} errors={errors} path="config" />
        </details>
      )}
    </div>
  );
}
