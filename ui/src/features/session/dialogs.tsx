import { Button } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { newKey } from "@/api/http";
import { deleteSession, forkSession } from "@/api/sessions";
import { Dialog } from "@/components/Dialog";
import fields from "@/components/form/form.module.css";
import { ErrorState } from "@/components/States";
import { Cancel, plural, useCommand, type DialogProps } from "./command";
import type { ForkPoint } from "./Header";

export function ForkDialog({ state, point, onClose }: DialogProps & { point: ForkPoint }) {
  const [name, setName] = useState(`${state.facts.name} (fork)`.slice(0, 200));
  const [input, setInput] = useState("");
  const navigate = useNavigate();
  const { busy, problem, run } = useCommand(onClose);
  const key = useRef(newKey());
  const fork = () =>
    run(async () => {
      const text = input.trim();
      const body = {
        ...(point.seq === undefined ? {} : { from_seq: point.seq }),
        ...(point.step === undefined ? {} : { from_step: point.step }),
        ...(name.trim() ? { name: name.trim() } : {}),
        ...(text ? { input: text } : {}),
      };
      const id = await forkSession(state.sessionId, body, `${key.current}-${JSON.stringify(body).length}`);
      await navigate({ to: "/sessions/$id", params: { id } });
    });
  return (
    <Dialog
      title={`Fork ${point.words}`}
      onClose={onClose}
      footer={
        <>
          <Cancel onClose={onClose} />
          <Button loading={busy} onClick={() => void fork()}>
            Fork
          </Button>
        </>
      }
    >
      <p>
        A new session with everything up to there: conversation, finished steps, files. This one stays as it is, and the
        new one’s costs start at zero.
      </p>
      <label className={fields.field}>
        <span className={fields.label}>Name</span>
        <input
          className={fields.control}
          value={name}
          maxLength={200}
          onChange={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label className={fields.field}>
        <span className={fields.label}>What should be different?</span>
        <textarea
          className={fields.control}
          rows={2}
          value={input}
          onChange={(event) => setInput(event.currentTarget.value)}
          placeholder="Takes the place of the task; can stay empty"
        />
      </label>
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}

export function DeleteDialog({ state, onClose }: DialogProps) {
  const navigate = useNavigate();
  const { busy, problem, run } = useCommand(onClose);
  return (
    <Dialog
      title={`Delete “${state.facts.name}”?`}
      onClose={onClose}
      footer={
        <>
          <Cancel onClose={onClose}>Keep it</Cancel>
          <Button
            color="red"
            loading={busy}
            onClick={() =>
              void run(async () => {
                await deleteSession(state.sessionId);
                await navigate({ to: "/sessions" });
              })
            }
          >
            Delete
          </Button>
        </>
      }
    >
      <p>
        It goes to the trash with its conversation, {plural(state.steps.length, "step")} and{" "}
        {plural(state.files.length, "file")}; a run under way is cancelled. It can be restored from the{" "}
        <Link to="/sessions" search={{ status: "deleted" }}>
          trash
        </Link>{" "}
        for 90 days.
      </p>
      {problem && <ErrorState problem={problem} />}
    </Dialog>
  );
}
