document.getElementById("root")?.append("Perdure");
