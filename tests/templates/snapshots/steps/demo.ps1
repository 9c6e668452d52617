# The web demo as a start-up task. A changed setting decides anew what is served; else what was deployed last stays.
$Serve = {
    param([string]$Json)
    Register-StartTask 'ChatGLM demo' "$Root\tasks\demo.ps1"
    Start-ScheduledTask -TaskName 'ChatGLM demo'
    $encoded = [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($Json))
    (Invoke-Native $Python "-m guest serve base64:$encoded" 'demo' 30) -eq 0
}
$Done = { & $Serve '{}' }
$Do = { if (-not (& $Serve (ConvertTo-Json @{ model = $Settings.servedModel }))) { throw 'the demo does not start | See the end of the log, and the log named demo.' } }
$Check = { if ((Get-ScheduledTask -TaskName 'ChatGLM demo').State -ne 'Running') { throw 'the task of the demo does not run | Look at the Task Scheduler.' } }
