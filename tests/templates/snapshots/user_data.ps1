# What cloudbase-init runs once, as SYSTEM. It unpacks the first stage, hands over to a start-up task and returns, so
# that neither cloudbase-init's other work nor a reboot waits for the installation. Bytes and tar.exe, as a script that
# unpacks and runs text looks like a dropper to the virus scanner. Its twin in Python is components/bootstrap/unpack.py.
$ErrorActionPreference = 'Stop'
$Root = 'C:\chatglm'
# A restored machine runs the installation of its image already; it must not go on with half-replaced files.
Stop-ScheduledTask -TaskName 'ChatGLM bootstrap' -ErrorAction SilentlyContinue
$null = New-Item -ItemType Directory -Force $Root
$Payload = 'PAYLOAD'
[IO.File]::WriteAllBytes("$Root\first.tgz", [Convert]::FromBase64String($Payload))
Start-Process -FilePath 'tar.exe' -ArgumentList "-xmf $Root\first.tgz -C $Root" -NoNewWindow -Wait
. "$Root\lib.ps1"
# What is known of the machine whose image this disk was.
Remove-Item "$Root\first.tgz", "$State\status.json", "$State\machine" -Force -ErrorAction SilentlyContinue
Restart-Bootstrap
