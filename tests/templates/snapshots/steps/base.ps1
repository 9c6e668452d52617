# The way to the machine: firewall, then WinRM over HTTPS. Cheap, so done at every start: changed networks are applied.
# Each part stands for itself; what fails is told beside the others.
$Done = { $false }
$Do = {
    # First, as WinRM may refuse its settings. New rules before old ones go: nobody is shut out in between.
    Invoke-Part 'base.firewall' {
        $from = @($Settings.operatorCidrs | Where-Object { $_ })
        # Any stands alone, or Windows refuses it.
        if (-not $from -or 'Any' -in $from) { $from = 'Any' }
        $old = @(Get-NetFirewallRule -Group 'ChatGLM' -ErrorAction SilentlyContinue)
        foreach ($port in 5986, $Settings.demoPort) {
            if ($port) { $null = New-NetFirewallRule -Group 'ChatGLM' -DisplayName "ChatGLM $port" -Direction Inbound -Action Allow -Protocol TCP -LocalPort $port -RemoteAddress $from }
        }
        $old | Remove-NetFirewallRule
        # By name, as titles are translated on a Chinese Windows.
        Get-NetFirewallRule -Name 'RemoteDesktop-*' -ErrorAction SilentlyContinue | Set-NetFirewallRule -RemoteAddress $from
    }
    # As policies in the registry: WinRM's own settings cannot be changed while a network of the machine is Public.
    # Strict: a login that was meant for another TLS server, and relayed, is refused.
    Invoke-Part 'base.policy' {
        $policy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WinRM\Service'
        if (-not (Test-Path $policy)) { $null = New-Item -Path $policy -Force }
        foreach ($name in 'AllowBasic', 'AllowUnencryptedTraffic') { Set-ItemProperty -Path $policy -Name $name -Value 0 -Type DWord }
        Set-ItemProperty -Path $policy -Name CBTHardeningLevelStatus -Value 1 -Type DWord
        Set-ItemProperty -Path $policy -Name CbtHardeningLevel -Value 'Strict' -Type String
    }
    Invoke-Part 'base.winrm' {
        Set-Service -Name WinRM -StartupType Automatic
        Start-Service -Name WinRM
        # The key is made here and never leaves the machine; the operator's side pins the certificate it sees first.
        $name = 'ChatGLM WinRM'
        $certificate = Get-ChildItem 'Cert:\LocalMachine\My' | Where-Object { $_.FriendlyName -eq $name -and $_.HasPrivateKey -and $_.NotAfter -gt (Get-Date).AddDays(90) } | Select-Object -First 1
        if (-not $certificate) {
            $certificate = New-SelfSignedCertificate -DnsName $env:COMPUTERNAME -CertStoreLocation 'Cert:\LocalMachine\My' -FriendlyName $name -NotAfter (Get-Date).AddYears(10) -KeyExportPolicy NonExportable
        }
        $kept = $false
        foreach ($listener in Get-ChildItem 'WSMan:\localhost\Listener') {
            $print = (Get-ChildItem $listener.PSPath | Where-Object { $_.Name -eq 'CertificateThumbprint' }).Value
            # Others go: the one in clear text, and those with a certificate that nobody pins.
            if ($print -eq $certificate.Thumbprint) { $kept = $true } else { Remove-Item $listener.PSPath -Recurse -Force }
        }
        if (-not $kept) { $null = New-Item -Path 'WSMan:\localhost\Listener' -Transport HTTPS -Address '*' -CertificateThumbPrint $certificate.Thumbprint -Force }
    }
}
$Check = {
    if (-not (Get-ChildItem 'WSMan:\localhost\Listener' | Where-Object { $_.Keys -contains 'Transport=HTTPS' })) { throw (New-Trouble 'base.listener' 'WinRM has no HTTPS listener' 'Look at it through the console''s VNC, or let chatglm rescue set it right.') }
}
