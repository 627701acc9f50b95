import { useCanGoBack, useNavigate, useRouter } from "@tanstack/react-router";
import { useCallback } from "react";

/** Go to the page before; whoever came here from outside goes to the start page. */
export function useBack(): () => void {
  const { history } = useRouter();
  const canGoBack = useCanGoBack();
  const navigate = useNavigate();
  return useCallback(() => {
    if (canGoBack) history.back();
    else void navigate({ to: "/" });
  }, [canGoBack, history, navigate]);
}
