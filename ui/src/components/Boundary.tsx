import { Component, type ReactNode } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { ErrorState } from "./States";

/** A part of the console that could not be fetched is not asked for again by the browser until the page is. */
const NOT_FETCHED = /dynamically imported module|preload CSS|importing a module/i;

/** What goes wrong inside stays inside: everything else on the page lives on. */
export class Boundary extends Component<{ children: ReactNode }, { problem: Problem | null }> {
  override state: { problem: Problem | null } = { problem: null };

  static getDerivedStateFromError(error: unknown) {
    return { problem: asProblem(error) };
  }

  override render() {
    const { problem } = this.state;
    if (!problem) return this.props.children;
    const retry = () =>
      NOT_FETCHED.test(problem.message) ? window.location.reload() : this.setState({ problem: null });
    return <ErrorState problem={problem} onRetry={retry} />;
  }
}
