import { allExpanded, collapseAllNested, JsonView as Tree } from "react-json-view-lite";
import styles from "./JsonTree.module.css";

const FEW = 40;

const STYLE = {
  container: styles.tree ?? "",
  basicChildStyle: styles.child ?? "",
  childFieldsContainer: styles.children ?? "",
  label: styles.label ?? "",
  clickableLabel: styles.label ?? "",
  nullValue: styles.plain ?? "",
  undefinedValue: styles.plain ?? "",
  stringValue: styles.string ?? "",
  booleanValue: styles.plain ?? "",
  numberValue: styles.plain ?? "",
  otherValue: styles.plain ?? "",
  punctuation: styles.mark ?? "",
  expandIcon: styles.expand ?? "",
  collapseIcon: styles.collapse ?? "",
  collapsedContent: styles.more ?? "",
  noQuotesForStringValues: false,
  quotesForFieldNames: false,
  ariaLables: { collapseJson: "fold", expandJson: "open" },
  stringifyStringValues: false,
};

export default function JsonTree({ value, label }: { value: unknown; label: string }) {
  const data = typeof value === "object" && value !== null ? value : { value };
  const isSmall = JSON.stringify(data).length < FEW * 40;
  return (
    <div role="group" aria-label={label}>
      <Tree data={data} shouldExpandNode={isSmall ? allExpanded : collapseAllNested} style={STYLE} clickToExpandNode />
    </div>
  );
}
