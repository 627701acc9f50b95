import { Icon } from "@/components/Icon";
import { bytes } from "@/lib/format";
import styles from "./NewTask.module.css";

export function FilePicker({
  files,
  onChange,
}: {
  files: readonly File[];
  onChange: (files: readonly File[]) => void;
}) {
  return (
    <div
      className={styles.files}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        onChange([...files, ...event.dataTransfer.files]);
      }}
    >
      <label className={styles.picker}>
        <Icon name="file" /> Add files
        <input
          type="file"
          multiple
          className="visually-hidden"
          onChange={(event) => {
            onChange([...files, ...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
      </label>
      {files.map((file, index) => (
        <span key={`${file.name}-${index}`} className={styles.file}>
          {file.name} <span>{bytes(file.size)}</span>
          <button
            type="button"
            aria-label={`Remove ${file.name}`}
            onClick={() => onChange(files.filter((_, at) => at !== index))}
          >
            <Icon name="cross" size={12} />
          </button>
        </span>
      ))}
    </div>
  );
}
