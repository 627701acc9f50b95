"""Reading PDF files: text layers as they are, scanned pages by recognition, in a process of their own."""
