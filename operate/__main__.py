"""`python -m operate` is the command `chatglm`."""

from operate.app import main

main()
