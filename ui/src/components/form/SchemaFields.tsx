import { useId } from "react";
import type { Field, Values } from "@/lib/schema";
import { capital } from "@/lib/schema";
import { Scalar } from "./controls";
import styles from "./form.module.css";

interface Props {
  readonly fields: readonly Field[];
  readonly values: Values;
  readonly onChange: (values: Values) => void;
  /** What the server said of each field, by its path with dots. */
  readonly errors?: Readonly<Record<string, string>>;
  /** Path of the object that holds these fields, in the words of `errors`. */
  readonly path?: string;
  /** Show the few choices of a question all at once, not behind a list. */
  readonly open?: boolean;
}

/** A form of fields; what is left empty stays out of the values. */
export function SchemaFields({ fields, values, onChange, errors = {}, path = "", open = false }: Props) {
  return (
    <div className={styles.fields}>
      {fields.map((field) => (
        <One
          key={field.name}
          field={field}
          value={values[field.name]}
          onChange={(value) => onChange({ ...values, [field.name]: value })}
          errors={errors}
          path={path ? `${path}.${field.name}` : field.name}
          open={open}
        />
      ))}
    </div>
  );
}

interface OneProps {
  readonly field: Field;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
  readonly errors: Readonly<Record<string, string>>;
  readonly path: string;
  readonly open: boolean;
}

function One(props: OneProps) {
  const { field, open } = props;
  if (field.kind === "group" || field.kind === "map") return <Group {...props} />;
  if (field.kind === "boolean") return <Check {...props} />;
  if (field.kind === "choice" && open) return <Radios {...props} />;
  if (field.kind === "texts" && field.choices.length > 0) return <Checks {...props} />;
  return <Line {...props} />;
}

function Line({ field, value, onChange, errors, path }: OneProps) {
  const id = useId();
  const control = {
    id,
    className: styles.control,
    "aria-invalid": errors[path] ? true : undefined,
    "aria-describedby": describedBy(id, field, errors[path]),
    "aria-required": field.required || undefined,
  } as const;
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        <Name field={field} />
      </label>
      <About id={id} field={field} error={errors[path]} />
      <Scalar control={control} field={field} value={value} onChange={onChange} />
    </div>
  );
}

function Group({ field, value, onChange, errors, path }: OneProps) {
  const id = useId();
  const inner = typeof value === "object" && value !== null ? (value as Values) : {};
  return (
    <fieldset className={styles.group} aria-describedby={describedBy(id, field, errors[path])}>
      <legend>{field.label}</legend>
      <About id={id} field={field} error={errors[path]} />
      <div className={styles.inner}>
        {field.fields.map((each) => (
          <One
            key={each.name}
            field={each}
            value={inner[each.name]}
            onChange={(next) => onChange({ ...inner, [each.name]: next })}
            errors={errors}
            path={`${path}.${each.name}`}
            open={false}
          />
        ))}
      </div>
    </fieldset>
  );
}

function Check({ field, value, onChange, errors, path }: OneProps) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label className={styles.check}>
        <input
          type="checkbox"
          checked={typeof value === "boolean" ? value : field.fallback === true}
          onChange={(event) => onChange(event.currentTarget.checked)}
          aria-describedby={describedBy(id, field, errors[path])}
        />
        <span>{field.label}</span>
      </label>
      <About id={id} field={field} error={errors[path]} />
    </div>
  );
}

function Radios({ field, value, onChange, errors, path }: OneProps) {
  const id = useId();
  return (
    <fieldset className={styles.options} aria-describedby={describedBy(id, field, errors[path])}>
      <legend className={styles.label}>
        <Name field={field} />
      </legend>
      <About id={id} field={field} error={errors[path]} />
      {field.choices.map((choice) => (
        <label key={choice.label} className={styles.option}>
          <input type="radio" name={id} checked={value === choice.value} onChange={() => onChange(choice.value)} />
          <span>{choice.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Several of a few; nothing chosen means all of them. */
function Checks({ field, value, onChange, errors, path }: OneProps) {
  const id = useId();
  const given = Array.isArray(value) ? value : Array.isArray(field.fallback) ? field.fallback : [];
  const chosen = given.length > 0 ? given : field.choices.map((each) => each.value);
  return (
    <fieldset className={styles.options} aria-describedby={describedBy(id, field, errors[path])}>
      <legend className={styles.label}>{field.label}</legend>
      <About id={id} field={field} error={errors[path]} />
      {field.choices.map((choice) => (
        <label key={choice.label} className={styles.check}>
          <input
            type="checkbox"
            checked={chosen.includes(choice.value)}
            onChange={(event) =>
              onChange(
                event.currentTarget.checked
                  ? [...chosen, choice.value]
                  : chosen.filter((each) => each !== choice.value),
              )
            }
          />
          <span>{choice.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

function describedBy(id: string, field: Field, error: string | undefined): string | undefined {
  return [field.description ? `${id}-about` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ") || undefined;
}

function About({ id, field, error }: { id: string; field: Field; error: string | undefined }) {
  return (
    <>
      {field.description && (
        <p className={styles.about} id={`${id}-about`}>
          {field.description}
        </p>
      )}
      {error && (
        <p className={styles.error} id={`${id}-error`}>
          {capital(error)}
        </p>
      )}
    </>
  );
}

function Name({ field }: { field: Field }) {
  return (
    <>
      {field.label}
      {field.required && (
        <span className={styles.req} aria-hidden="true">
          {" "}
          *
        </span>
      )}
    </>
  );
}
