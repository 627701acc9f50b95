import { useState } from "react";
import type { Field } from "@/lib/schema";
import styles from "./form.module.css";
import { SecretField } from "./SecretField";

type Control = Readonly<Record<string, unknown>>;

interface Props {
  readonly control: Control;
  readonly field: Field;
  readonly value: unknown;
  readonly onChange: (value: unknown) => void;
}

/** The control of a field with one value, or with lines of text. */
export function Scalar(props: Props) {
  const { control, field, value, onChange } = props;
  switch (field.kind) {
    case "choice":
      return <Select {...props} />;
    case "number":
      return (
        <input
          {...control}
          className={`${styles.control} ${styles.number}`}
          inputMode={field.whole ? "numeric" : "decimal"}
          placeholder={typeof field.fallback === "number" ? String(field.fallback) : ""}
          value={value === undefined || value === null ? "" : String(value)}
          onChange={(event) => onChange(numberOf(event.currentTarget.value))}
        />
      );
    case "texts":
      return (
        <textarea
          {...control}
          rows={2}
          placeholder="One per line"
          value={Array.isArray(value) ? value.join("\n") : ""}
          onChange={(event) => onChange(event.currentTarget.value ? event.currentTarget.value.split("\n") : undefined)}
        />
      );
    case "secret":
      return <SecretField control={control} label={field.label} value={value} onChange={onChange} />;
    case "json":
      return <JsonText {...props} />;
    default:
      return <Text {...props} />;
  }
}

function Select({ control, field, value, onChange }: Props) {
  return (
    <select
      {...control}
      value={value === undefined || value === null ? "" : String(value)}
      onChange={(event) => onChange(chosenOf(field, event.currentTarget.value))}
    >
      <option value="">{defaultOf(field)}</option>
      {field.choices
        .filter((choice) => choice.value !== null)
        .map((choice) => (
          <option key={choice.label} value={String(choice.value)}>
            {choice.label}
          </option>
        ))}
    </select>
  );
}

function Text({ control, field, value, onChange }: Props) {
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
            <button
              key={each}
              type="button"
              className={styles.suggestion}
              aria-pressed={text === each}
              onClick={() => onChange(each)}
            >
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
function JsonText({ control, value, onChange }: Props) {
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
