import { Button, Textarea } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { asProblem, fieldErrors, type Problem } from "@/api/problem";
import { listModes } from "@/api/sessions";
import type { ModeInfo } from "@/api/types";
import fields from "@/components/form/form.module.css";
import { Icon } from "@/components/Icon";
import { useOneAtATime } from "@/components/OneAtATime";
import { ErrorState, Loading } from "@/components/States";
import { useDraft } from "@/lib/draft";
import { given, type Values } from "@/lib/schema";
import { useStored } from "@/lib/stored";
import { attemptFor, begin, NO_ATTEMPT } from "./begin";
import { FilePicker } from "./FilePicker";
import { ModeCards } from "./ModeCards";
import { apart, nameOf, startingValues } from "./modes";
import styles from "./NewTask.module.css";
import { Options } from "./Options";
import { SAMPLE_TEXT, SAMPLES } from "./samples";

const PASTED = "source.md";
const USUAL = "planning-control";
const WITHOUT_KEYS = "(max-width: 640px), (pointer: coarse)";

/** A session to start one like. */
export interface Like {
  readonly name: string;
  readonly mode: string;
  readonly task: string;
  readonly config: Values;
  readonly limits: Values;
}

interface Choices {
  readonly mode: string;
  /** What was set for each mode that was looked at. */
  readonly configs: Readonly<Record<string, Values>>;
  readonly limits: Values;
}

interface Props {
  readonly like?: Like;
  /** Only what is needed to begin; the rest is on its own page. */
  readonly brief?: boolean;
}

export function NewTask({ like, brief = false }: Props) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const mayRunBeside = useOneAtATime();
  const withoutKeys = useMediaQuery(WITHOUT_KEYS, false, { getInitialValueInEffect: false });
  const [draftTask, setTask] = useDraft(like ? `new-task.${like.name}` : "new-task");
  const task = draftTask || (like && !draftTask ? like.task : "");
  const [source, setSource] = useDraft("new-source");
  const [files, setFiles] = useState<readonly File[]>([]);
  const [choices, setChoices, forget] = useStored<Choices>(
    like ? `new-like.${like.name}` : "new-choices",
    like
      ? { mode: like.mode, configs: { [like.mode]: like.config }, limits: like.limits }
      : { mode: USUAL, configs: {}, limits: {} },
  );
  const [secrets, setSecrets] = useState<Readonly<Record<string, Values>>>({});
  const [starting, setStarting] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const modes = useQuery({ queryKey: ["modes"], queryFn: listModes, staleTime: Infinity });
  const attempt = useRef(NO_ATTEMPT);

  const mode = chosenOf(modes.data, choices.mode);
  const configOf = (each: ModeInfo): Values => ({
    ...(choices.configs[each.id] ?? startingValues(each)),
    ...secrets[each.id],
  });
  const errors = fieldErrors(problem);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (problem) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [problem]);

  async function start() {
    if (!task.trim() || starting) return;
    setProblem(null);
    setStarting("Starting");
    try {
      // Whoever types fast is done before the modes have come.
      const wanted = mode ?? chosenOf((await modes.refetch({ cancelRefetch: false })).data, choices.mode);
      if (!wanted || !(await mayRunBeside())) return;
      const limits = given(choices.limits);
      const session = {
        mode: wanted.id,
        name: nameOf(task),
        config: given(configOf(wanted)),
        ...(Object.keys(limits).length > 0 ? { resource_limits: limits } : {}),
      };
      const uploads: [string, Blob][] = files.map((file) => [file.name, file]);
      if (source.trim()) uploads.push([PASTED, new Blob([source], { type: "text/markdown" })]);
      attempt.current = attemptFor(attempt.current, session, task.trim());
      const sessionId = await begin(attempt.current, session, task.trim(), uploads, setStarting);
      setTask("");
      setSource("");
      forget();
      void queries.invalidateQueries({ queryKey: ["sessions"] });
      await navigate({ to: "/sessions/$id", params: { id: sessionId } });
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setStarting(null);
    }
  }

  return (
    <form
      ref={form}
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
    >
      <Textarea
        label="What should be done?"
        autosize
        minRows={3}
        maxRows={12}
        required
        withAsterisk={false}
        value={task}
        onChange={(event) => setTask(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void start();
        }}
        size="md"
        placeholder={brief ? `A question, a report, a survey.${withoutKeys ? "" : " Ctrl Enter starts it."}` : undefined}
      />
      {!brief && !like && (
        <div className={styles.samples} role="group" aria-label="Sample tasks">
          {SAMPLES.map((sample) => (
            <button
              key={sample.title}
              type="button"
              className={styles.sample}
              onClick={() => {
                setTask(sample.task);
                setChoices({ ...choices, mode: sample.mode });
                if (!source.trim()) setSource(SAMPLE_TEXT);
              }}
            >
              <strong>{sample.title}</strong>
              <span>{sample.about}</span>
            </button>
          ))}
        </div>
      )}
      {!brief && (
        <Textarea
          label="Text to work on"
          description="Paste it here, or add files. They go into the session's own folder."
          autosize
          minRows={3}
          maxRows={10}
          value={source}
          onChange={(event) => setSource(event.currentTarget.value)}
        />
      )}
      <FilePicker files={files} onChange={setFiles} />

      {modes.error ? (
        <ErrorState problem={asProblem(modes.error)} onRetry={() => void modes.refetch()} />
      ) : !modes.data ? (
        <Loading rows={3} label="Loading the modes" />
      ) : brief ? (
        <label className={fields.field}>
          <span className={fields.label}>How</span>
          <select
            className={fields.control}
            value={mode?.id}
            onChange={(event) => setChoices({ ...choices, mode: event.currentTarget.value })}
          >
            {modes.data.map((each) => (
              <option key={each.id} value={each.id}>
                {each.label}
              </option>
            ))}
          </select>
          <span className={fields.about}>{mode?.description}</span>
        </label>
      ) : (
        <>
          <ModeCards modes={modes.data} chosen={mode?.id} onChoose={(id) => setChoices({ ...choices, mode: id })} />
          {mode && (
            <Options
              key={mode.id}
              mode={mode}
              config={configOf(mode)}
              limits={choices.limits}
              errors={errors}
              onConfig={(config) => {
                const { secret, plain } = apart(mode, config);
                setSecrets({ ...secrets, [mode.id]: secret });
                setChoices({ ...choices, configs: { ...choices.configs, [mode.id]: plain } });
              }}
              onLimits={(limits) => setChoices({ ...choices, limits })}
            />
          )}
        </>
      )}
      {problem && <ErrorState problem={problem} />}
      <div className={styles.actions} data-stays={!brief || undefined}>
        <Button type="submit" loading={starting !== null} disabled={!task.trim()} leftSection={<Icon name="play" />}>
          Start
        </Button>
        {brief && (
          <Button variant="default" onClick={() => void navigate({ to: "/new" })}>
            All options
          </Button>
        )}
        <span role="status">{starting ?? ""}</span>
      </div>
    </form>
  );
}

function chosenOf(modes: readonly ModeInfo[] | undefined, id: string): ModeInfo | undefined {
  return modes?.find((each) => each.id === id) ?? modes?.[0];
}
