# Keeps the watcher alive.
. "$PSScriptRoot\..\lib.ps1"
# Standard error must not end the script.
$ErrorActionPreference = 'Continue'
Set-Location $Root
while ($true) {
    & $Python -m guest.watch
    Start-Sleep -Seconds 10
}
