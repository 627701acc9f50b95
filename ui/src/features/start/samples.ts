/** First tasks to try. Each works on a text the person gives, which small models do well too. */

export interface Sample {
  readonly title: string;
  readonly task: string;
  readonly mode: string;
  readonly about: string;
}

export const SAMPLES: readonly Sample[] = [
  {
    title: "Sum it up",
    task: "Sum up the text in five sentences. Keep every number exact.",
    mode: "one-shot",
    about: "One answer, streamed. Close the tab in the middle: nothing is lost.",
  },
  {
    title: "Plan, approve, write",
    task: "Write a one-page briefing from the text: what happened, what it means, what is still open.",
    mode: "planning-control",
    about: "You see the plan first and say yes, no, or what to change.",
  },
  {
    title: "Watch it survive a kill",
    task: "Collect the facts of the text, one per line, then write a summary of them.",
    mode: "planning-control",
    about: "While it works, stop the server and start it again. It goes on after the last saved step.",
  },
];

export const SAMPLE_TEXT = `The ferry Aurelia, built in 1998, carried 412 passengers and 63 vehicles when her port engine stopped at 06:40 on 3 March, eleven kilometres off the island of Vell. Captain Ines Okafor dropped anchor at 06:52. No one was hurt. Two tugs, the Marten and the Stoat, reached the ferry at 09:15 and brought her to Vell harbour by 13:30.

The operator, Northline, says that a fuel filter was blocked. The same filter had been reported in January and was due to be replaced on 10 March. The harbour office has opened an inquiry and expects a first report in six weeks. Until then the morning crossing is served by the smaller Linnea, which takes 180 passengers and no lorries.

Hauliers on Vell estimate that each day without lorries costs them 14,000 crowns. Northline has not yet said who will pay.
`;
