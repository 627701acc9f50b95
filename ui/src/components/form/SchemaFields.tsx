import { useId, useState } from "react";
import type { Field, Values } from "@/lib/schema";
import { capital } from "@/lib/schema";
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

function One({ field, value, onChange, errors, path, open }: OneProps) {
  const id = useId();
  const error = errors[path];
  const described = [field.description ? `${id}-about` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  const control = {
    id,
    className: styles.control,
    "aria-invalid": error ? true : undefined,
    "aria-describedby": described || undefined,
    "aria-required": field.required || undefined,
  } as const;
  const about = (
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

  if (field.kind === "group" || field.kind === "map") {
    const inner = typeof value === "object" && value !== null ? (value as Values) : {};
    return (
      <fieldset className={styles.group} aria-describedby={described || undefined}>
        <legend>{field.label}</legend>
        {about}
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
  if (field.kind === "boolean") {
    return (
      <div className={styles.field}>
        <label className={styles.check}>
          <input
            type="checkbox"
            checked={typeof value === "boolean" ? value : field.fallback === true}
            onChange={(event) => onChange(event.currentTarget.checked)}
            aria-describedby={described || undefined}
          />
          <span>{field.label}</span>
        </label>
        {about}
      </div>
    );
  }
  if (field.kind === "choice" && open) {
    return (
      <fieldset className={styles.options} aria-describedby={described || undefined}>
        <legend className={styles.label}>
          <Name field={field} />
        </legend>
        {about}
        {field.choices.map((choice) => (
          <label key={choice.label} className={styles.option}>
            <input type="radio" name={id} checked={value === choice.value} onChange={() => onChange(choice.value)} />
            <span>{choice.label}</span>
          </label>
        ))}
      </fieldset>
    );
  }
  if (field.kind === "texts" && field.choices.length > 0) {
    const chosen = Array.isArray(value) ? value : Array.isArray(field.fallback) ? field.fallback : [];
    return (
      <fieldset className={styles.options} aria-describedby={described || undefined}>
        <legend className={styles.label}>{field.label}</legend>
        {about}
        {field.choices.map((choice) => (
          <label key={choice.label} className={styles.check}>
            <input
              type="checkbox"
              checked={chosen.length === 0 || chosen.includes(choice.value)}
              onChange={(event) => {
                const all = field.choices.map((each) => each.value);
                const now = chosen.length === 0 ? all : chosen;
                onChange(event.currentTarget.checked ? [...now, choice.value] : now.filter((each) => each !== choice.value));
              }}
            />
            <span>{choice.label}</span>
          </label>
        ))}
      </fieldset>
    );
  }
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        <Name field={field} />
      </label>
      {about}
      {field.kind === "choice" ? (
        <select {...control} value={value === undefined || value === null ? "" : String(value)} onChange={(event) => onChange(chosenOf(field, event.currentTarget.value))}>
          <option value="">{defaultOf(field)}</option>
          {field.choices
            .filter((choice) => choice.value !== null)
            .map((choice) => (
              <option key={choice.label} value={String(choice.value)}>
                {choice.label}
              </option>
            ))}
        </select>
      ) : field.kind === "number" ? (
        <input
          {...control}
          className={`${styles.control} ${styles.number}`}
          inputMode={field.whole ? "numeric" : "decimal"}
          placeholder={typeof field.fallback === "number" ? String(field.fallback) : ""}
          value={value === undefined || value === null ? "" : String(value)}
          onChange={(event) => onChange(numberOf(event.currentTarget.value))}
        />
      ) : field.kind === "texts" ? (
        <textarea
          {...control}
          rows={2}
          placeholder="One per line"
          value={Array.isArray(value) ? value.join("\n") : ""}
          onChange={(event) => onChange(event.currentTarget.value ? event.currentTarget.value.split("\n") : undefined)}
        />
      ) : field.kind === "json" ? (
        <JsonText control={control} value={value} onChange={onChange} />
      ) : (
        <Text control={control} field={field} value={value} onChange={onChange} />
      )}
    </div>
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

type Control = Readonly<Record<string, unknown>>;

function Text({ control, field, value, onChange }: { control: Control; field: Field; value: unknown; onChange: (value: unknown) => void }) {
  const text = typeof value === "string" ? value : "";
  const shared = {
    ...control,
    value: text,
    placeholder: typeof field.fallback === "string" ? field.fallback : "",
    onChange: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value || undefined),
  };
  return (
    <>
      {field.suggestions.length > 0 && (
        <div className={styles.suggestions} role="group" aria-label={`Suggestions for ${field.label}`}>
          {field.suggestions.map((each) => (
            <button key={each} type="button" className={styles.suggestion} aria-pressed={text === each} onClick={() => onChange(each)}>
              {each}
            </button>
          ))}
        </div>
      )}
      {field.kind === "long" ? <textarea {...shared} rows={2} /> : <input {...shared} />}
    </>
  );
}

/** Text that must be JSON; what cannot be read yet is kept as it is typed and passed on as text. */
function JsonText({ control, value, onChange }: { control: Control; value: unknown; onChange: (value: unknown) => void }) {
  const [text, setText] = useState(() => (value === undefined ? "" : JSON.stringify(value, null, 2)));
  return (
    <textarea
      {...control}
      className={`${styles.control} ${styles.mono}`}
      rows={3}
      spellCheck={false}
      value={text}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setText(next);
        if (!next.trim()) return onChange(undefined);
        try {
          onChange(JSON.parse(next));
        } catch {
          onChange(next);
        }
      }}
    />
  );
}

function numberOf(text: string): unknown {
  const trimmed = text.trim().replace(",", ".");
  if (!trimmed) return undefined;
  return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : text; // the server says what is wrong with it
}

function chosenOf(field: Field, text: string): unknown {
  return field.choices.find((choice) => String(choice.value) === text && choice.value !== null)?.value;
}

function defaultOf(field: Field): string {
  const known = field.choices.find((choice) => choice.value === field.fallback && choice.value !== null);
  return known ? `Default: ${known.label}` : field.required ? "Choose" : "Default";
}
