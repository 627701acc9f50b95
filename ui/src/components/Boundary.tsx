import { Component, type ReactNode } from "react";
import { asProblem, type Problem } from "@/api/problem";
import { ErrorState } from "./States";

/** What goes wrong inside stays inside: everything else on the page lives on. */
export class Boundary extends Component<{ children: ReactNode }, { problem: Problem | null }> {
  override state: { problem: Problem | null } = { problem: null };

  static getDerivedStateFromError(error: unknown) {
    return { problem: asProblem(error) };
  }

  override render() {
    const { problem } = this.state;
    if (!problem) return this.props.children;
    return <ErrorState problem={problem} onRetry={() => this.setState({ problem: null })} />;
  }
}
